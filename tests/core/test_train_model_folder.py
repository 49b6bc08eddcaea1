"""Model folders as strangers leave them: refused with one sentence before anything is loaded, and nothing in them is ever run."""

from __future__ import annotations

import json

import pytest
from tiny_model import make_tiny_model

from sde_core.errors import ModelError
from sde_core.train.tokenizer import load_tokenizer
from sde_core.train.weights import check_model_folder, weights_in


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("torch")
    return make_tiny_model(tmp_path / "model")


def with_config(folder, **settings):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **settings}))
    return folder


def test_weights_are_counted_without_loading_them(folder):
    from safetensors.torch import load_file

    tensors = load_file(folder / "model.safetensors").values()
    found = check_model_folder(folder)
    assert found.parameters == sum(tensor.numel() for tensor in tensors)
    assert found.bytes == sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_shards_are_those_of_the_index(folder):
    whole = weights_in(folder)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}))
    (folder / "consolidated.safetensors").write_bytes((folder / "model-00001-of-00001.safetensors").read_bytes())
    assert weights_in(folder) == whole
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../etc/passwd"}}))
    with pytest.raises(ModelError, match="cannot be read"):
        weights_in(folder)


def test_pickled_weights_are_not_loaded(folder, tmp_path):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    with pytest.raises(ModelError, match="no weights in safetensors form; other forms are not loaded, because they can run code"):
        check_model_folder(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: b"\xff" * 8 + whole[8:],
        lambda whole: whole[:8] + b"x" + whole[9:],
        lambda whole: b"",
        lambda whole: (2).to_bytes(8, "little") + b"[]" + whole,
        lambda whole: (33).to_bytes(8, "little") + b'{"a":{"shape":[1],"data_offsets":' + whole,
    ],
    ids=["cut", "endless header", "no JSON", "empty", "list", "torn"],
)
def test_a_broken_safetensors_file_is_named(folder, damage):
    file = folder / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ModelError, match=r"model\.safetensors is broken or was not copied whole"):
        check_model_folder(folder)


@pytest.mark.parametrize("method", ["fp8", "gptq", "awq"])
def test_weights_in_fewer_bits_are_refused(folder, method):
    with pytest.raises(ModelError, match=f"are stored as {method}, which adapters are not trained on here"):
        check_model_folder(with_config(folder, quantization_config={"quant_method": method}))


def test_code_in_a_model_folder_is_never_run(folder, tmp_path):
    from sde_core.train.device import DevicePlan
    from sde_core.train.model import load_model
    from sde_core.train.recipe import Recipe

    plan = DevicePlan("cpu", "float32", "none", "CPU")
    for name in ("modeling_own.py", "configuration_own.py", "tokenization_own.py"):
        (folder / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    own = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own", "AutoTokenizer": ["tokenization_own.Own", None]}
    with_config(folder, auto_map=own)
    load_tokenizer(str(folder))
    load_model(Recipe(model=str(folder)), plan)  # of a kind that transformers knows: its own class is used
    with_config(folder, model_type="nobody_knows_this")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(Recipe(model=str(folder)), plan)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({name: value for name, value in config.items() if name != "model_type"}))
    with pytest.raises(ModelError, match="brings its own code, and that is never run"):
        check_model_folder(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_a_folder_without_a_configuration_is_no_model(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match="is not a model"):
        check_model_folder(folder)


def test_files_of_monstrous_size_are_not_read(folder):
    with (folder / "config.json").open("r+b") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(ModelError, match="too long for a model's configuration"):
        check_model_folder(folder)
    with (folder / "tokenizer.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="too long for a tokenizer"):
        load_tokenizer(str(folder))
