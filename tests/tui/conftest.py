"""Drives the app without a terminal: keys in, lines of text out.

    async def test_something(open_app, dataset_file):
        async with open_app(dataset_file, size=(80, 24)) as sde:
            await sde.press("2", "down")
            assert "row" in sde.text

Golden screens: `sde.golden("records")` compares with tests/golden/records.txt; SDE_UPDATE_GOLDEN=1 writes it anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input
from textual_grid import all_waiting, draw_what_waits, drawing_is_held_back, screen_lines

from sde_core.dataset import open_dataset
from sde_core.project import Project
from sde_tui.app import SdeApp

_PATIENCE = 270.0
"""Seconds after which a test gives up waiting: a busy machine may be many times slower than an idle one, and pytest ends a test after 300."""
TESTS = Path(__file__).resolve().parents[1]
GOLDEN = TESTS / "golden"
sys.path.insert(0, str(TESTS / "core"))


class Driven:
    """An app under test."""

    def __init__(self, app: SdeApp, pilot: Pilot) -> None:
        self.app = app
        self.session = app.session
        self.pilot = pilot

    async def settle(self) -> None:
        """Waits until nothing is left to do: threads are done, and their results are on the screen."""
        await self._patiently(self._settled())

    async def press_only(self, *keys: str) -> None:
        """Presses keys, each when the one before has done what it does at once; threads may run on."""
        for key in keys:
            await self.burst(key)

    async def press(self, *keys: str) -> None:
        """Presses keys, each when the one before has done all that it does, threads included."""
        for key in keys:
            await self.burst(key)
            await self.settle()

    async def burst(self, *keys: str) -> None:
        """Presses keys that arrive in one piece, as over a slow link, and waits until they have done what they do at once."""
        for key in keys:
            self.app.post_message(events.Key(key, _character_of(key)))
        await self.rest()

    async def rest(self) -> None:
        """Waits until there is nothing to do but to wait for threads and timers, and the screen shows what there is to show.

        No time is measured: on a busy machine this takes longer, and what is asked for afterwards is the same.
        """
        await self._patiently(self._rested())

    async def _settled(self) -> None:
        await self._rested()
        while self.session.lanes.tasks or any(not worker.is_finished for worker in self.app.workers):
            await self.app.workers.wait_for_complete()
            await self._rested()

    async def _rested(self) -> None:
        await all_waiting()
        while True:
            if not self.app.keys_are_done or (self.app.is_running and drawing_is_held_back(self.app)):
                await asyncio.sleep(0.001)
            elif not (self.app.is_running and draw_what_waits(self.app.screen)):
                return
            await all_waiting()

    async def _patiently(self, waiting: Coroutine[Any, Any, None]) -> None:
        waiter = asyncio.ensure_future(waiting)
        await asyncio.wait({waiter}, timeout=_PATIENCE)
        if not waiter.done():
            waiter.cancel()
            raise AssertionError(f"it never came to rest; the screen:\n{self.text}")
        waiter.result()

    async def until(self, true: Callable[[], Any]) -> None:
        """Waits until something is so, for what a timer or a job does, and then for what follows of it, threads included."""
        await self.meanwhile(true)
        await self.settle()

    async def meanwhile(self, true: Callable[[], Any]) -> None:
        """Waits until something is so while threads run on."""
        end = asyncio.get_running_loop().time() + _PATIENCE
        while not true():
            assert asyncio.get_running_loop().time() < end, f"it never came; the screen:\n{self.text}"
            await asyncio.sleep(0.01)
            await self.rest()
        await self.rest()

    async def type(self, text: str) -> None:
        """Types characters."""
        await self.press(*text)

    async def type_filter(self, text: str) -> None:
        """Types into the filter and waits for the pause after which it filters."""
        await self.type(text)
        wanted = self.app.screen.query_one("#filter Input", Input).value
        await self.until(lambda: self.session.records.view.text == wanted)

    @property
    def lines(self) -> list[str]:
        """The screen's lines."""
        return screen_lines(self.app)

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)

    @property
    def flashed(self) -> str:
        """The message line."""
        return self.app.flashed[0] if self.app.flashed else ""

    def golden(self, name: str, *, hide: dict[str, str] | None = None) -> None:
        """Compares the screen with tests/golden/NAME.txt.

        Args:
            name: The file's name.
            hide: What differs from run to run, and what to put in its place; keep the widths equal.
        """
        shown = self.text + "\n"
        for varying, fixed in (hide or {}).items():
            shown = shown.replace(varying, fixed)
        shown, path = _without_tabs(shown), GOLDEN / f"{name}.txt"
        if os.environ.get("SDE_UPDATE_GOLDEN"):
            path.write_text(shown, encoding="utf-8")
        assert path.exists(), f"{path} is missing; SDE_UPDATE_GOLDEN=1 writes it"
        assert shown == _without_tabs(path.read_text(encoding="utf-8"))


def _without_tabs(screen: str) -> str:
    """The screen without the names of the other screens, of which there will be more."""
    lines = screen.split("\n")
    if len(lines) > 1 and ("1 Overview" in lines[1] or "1 Over" in lines[1]):
        lines[1] = " (tabs)"
    return "\n".join(lines).replace("\n(tabs)\n", "\n (tabs)\n")


def _character_of(key: str) -> str | None:
    """What a key types: Textual names "/" slash."""
    if len(key) == 1:
        return key
    named = {"space": " ", "slash": "/", "colon": ":", "question_mark": "?", "asterisk": "*", "exclamation_mark": "!"}
    return named.get(key)


OpenApp = Callable[..., AbstractAsyncContextManager[Driven]]


@pytest.fixture
def open_app(monkeypatch: pytest.MonkeyPatch) -> OpenApp:
    """Opens a dataset in the app; state lives beside the dataset unless `project` says otherwise.

    Checks run by themselves only with `checks=True`: they take a second, and most tests are not about them.
    """

    @asynccontextmanager
    async def opened(
        path: Path | str,
        *,
        size: tuple[int, int] = (80, 24),
        settle: bool = True,
        project: Project | None = None,
        checks: bool = False,
        **options: Any,
    ) -> AsyncIterator[Driven]:
        if not checks:
            monkeypatch.setattr("sde_tui.session_findings.AUTOMATIC_ROWS", -1)
        app = SdeApp(open_dataset(str(path), **options), project)
        async with app.run_test(size=size) as pilot:
            driven = Driven(app, pilot)
            try:
                await (driven.settle() if settle else driven.rest())
                yield driven
            finally:
                app.session.close()

    return opened


@pytest.fixture
def dataset_file(tmp_path: Path) -> Path:
    """Twelve rows with labels and one line that cannot be read (row 5)."""
    path = tmp_path / "tickets.jsonl"
    lines = []
    for number in range(12):
        label = ("billing", "delivery", "returns")[number % 3]
        record = {"instruction": f"Where is my order number {1000 + number}?", "output": f"It arrives on day {number}.", "category": label}
        lines.append(json.dumps(record))
    lines[5] = '{"instruction": "cut off'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def records(open_app: OpenApp, dataset_file: Path) -> Any:
    """The app on the Records screen."""

    class Opened:
        async def __aenter__(self):
            self._context = open_app(dataset_file)
            sde = await self._context.__aenter__()
            await sde.press("2")
            return sde

        async def __aexit__(self, *error):
            return await self._context.__aexit__(*error)

    return Opened()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of a few thousand random weights that `train_project` trains."""
    from tiny_model import make_tiny_model

    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture
def train_project(dataset_file: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project of `dataset_file` with a recipe of six steps on the tiny model."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    project = Project.of(dataset_file).created()
    recipe = {"model": tiny_model, "max_steps": 6, "batch_size": 2, "held_out": 0.2, "eval_steps": 3, "learning_rate": 0.01}
    project.recipe_path.write_text(json.dumps({**recipe, "device": "cpu", "processes": 1}))
    return project


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """100 rows: 50 billing, 30 refunds, 15 delivery, 3 "Billing ", 1 with an escape code, 1 without label; half from mail; 4 refusals; row 99 unreadable."""
    labels = ["billing"] * 50 + ["refunds"] * 30 + ["delivery"] * 15 + ["Billing "] * 3 + ["\x1b[31mred"] + [None]
    lines = []
    for number, label in enumerate(labels):
        answer = "I'm sorry, but I can't help with that." if number in (3, 13, 23, 60) else f"It will arrive on day {number}."
        record = {"instruction": f"Question number {number}?", "output": answer, "label": label, "meta": {"source": "mail" if number % 2 else "chat"}}
        lines.append(json.dumps(record))
    lines.append("{oops")
    path = tmp_path / "labelled.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[Driven], None]:
    """Cuts the file of an open dataset short, and forgets what was read of it."""
    monkeypatch.setattr("sde_core.dataset.feed._SMALL", 0)

    def cut_short(sde: Driven) -> None:
        os.truncate(sde.session.dataset.path, 10)
        sde.session.dataset = sde.session.dataset.with_edits({})

    return cut_short
