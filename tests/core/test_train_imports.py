"""Imports ahead of a run: in a thread, without what training never uses, and leaving nothing changed behind."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys

import pytest

from sde_core.train.imports import hidden, import_ahead, imported


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two packages of which the first uses the second where it is installed."""
    (tmp_path / "sde_library.py").write_text(
        "import gc\ncollecting = gc.isenabled()\ntry:\n    import sde_extra\nexcept ImportError:\n    sde_extra = None\n"
    )
    (tmp_path / "sde_extra.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield
    for name in ("sde_library", "sde_extra"):
        sys.modules.pop(name, None)


def test_a_hidden_package_is_not_found_and_can_be_imported_afterwards(packages):
    with hidden(("sde_extra",)):
        assert importlib.util.find_spec("sde_extra") is None
        assert importlib.import_module("sde_library").sde_extra is None
    assert importlib.import_module("sde_extra").value == 1


def test_what_is_imported_already_is_not_hidden(packages):
    extra = importlib.import_module("sde_extra")
    with hidden(("sde_extra",)):
        assert importlib.import_module("sde_library").sde_extra is extra
    assert sys.modules["sde_extra"] is extra


def test_imports_happen_before_they_are_waited_for_and_garbage_is_collected_again(packages):
    import_ahead(lean=False, modules=("sde_library",))
    imported()
    assert sys.modules["sde_library"].sde_extra is sys.modules["sde_extra"]
    assert not sys.modules["sde_library"].collecting
    assert gc.isenabled()
    gc.unfreeze()


def test_what_is_not_installed_is_left_to_those_who_need_it(packages):
    import_ahead(lean=True, modules=("sde_no_such_library", "sde_library"))
    imported()
    assert "sde_library" not in sys.modules
    assert "sde_no_such_library" not in sys.modules
    gc.unfreeze()
