"""What is said before a run starts: one sentence for every way in which it could not work, and a setting that was tried."""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from pathlib import Path

import chat_forms
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import ModelError, SdeError, UsageError
from sde_core.jobs import list_jobs
from sde_core.train import model_check
from sde_core.train import tokenizer as tokenizer_module
from sde_core.train.device import DevicePlan
from sde_core.train.launch import check_before_launch, launch_training
from sde_core.train.model import load_model
from sde_core.train.preflight import preflight
from sde_core.train.recipe import Recipe, with_settings
from sde_core.train.tokenizer import load_tokenizer

PICKY = "{{ raise_exception('only poems') }}"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture
def copy(model, tmp_path):
    """A model folder to spoil."""
    return Path(shutil.copytree(model, tmp_path / "copy"))


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return open_dataset(path)


@pytest.fixture
def pairs(tmp_path):
    return written(tmp_path / "data.jsonl", [{"prompt": "the cat sat on a mat", "response": "and ran"}] * 3)


def talk(*texts):
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]}


# ---- nothing would train: the option and a value that works


@pytest.mark.parametrize(
    ("rows", "options", "template", "option"),
    [
        ([talk("the cat sat on a mat", "and ran")] * 2, {"max_length": 5}, "", "max_length"),
        ([talk("the cat sat on a mat", "and ran")] * 2, {"max_length": 5, "too_long": "drop"}, "", "max_length"),
        ([talk("the cat", "sat", "on a mat " * 30, "and ran")] * 2, {"max_length": 24, "answers": "last"}, "", "max_length"),
        ([talk("the cat sat")] * 2, {}, "", "completion_only"),
        ([talk("the cat", "sat")] * 2, {}, PICKY, "template"),
        ([{"messages": [{"role": "system", "content": "be kind"}, *talk("the cat", "sat")["messages"]]}], {}, chat_forms.TURNS, "template"),
        ([talk("the cat sat on a mat " * 5, "")] * 2, {"max_length": 12}, "", "max_length"),
    ],
)
def test_the_option_is_named_with_values_that_work(tmp_path, rows, options, template, option):
    folder = make_tiny_model(tmp_path / "m", template=template, bos=not template)
    dataset = written(tmp_path / "data.jsonl", rows)
    recipe = Recipe(model=str(folder), **options)
    with pytest.raises(UsageError, match="Nothing would train") as refusal:
        launch_training(dataset, range(len(rows)), recipe, tmp_path / "jobs")
    assert f"The option is {option}" in refusal.value.hint
    assert list_jobs(tmp_path / "jobs") == []
    report = preflight(dataset, recipe)
    assert report.summary.training_rows == 0
    assert report.working
    for setting in report.working:
        assert f"--set {setting}" in refusal.value.hint or len(report.working) > 3
        check_before_launch(dataset, range(len(rows)), with_settings(recipe, [setting]))


def test_other_answers_are_named_where_only_the_last_is_cut(tmp_path, model):
    dataset = written(tmp_path / "data.jsonl", [talk("the cat", "sat", "on a mat " * 30, "and ran")] * 2)
    assert "answers=all" in preflight(dataset, Recipe(model=str(model), max_length=24, answers="last")).working


# ---- the model and the machine, before a job exists


def refused(dataset, recipe, tmp_path, kind=ModelError):
    with pytest.raises(kind) as refusal:
        launch_training(dataset, [0, 1], recipe, tmp_path / "jobs")
    assert not (tmp_path / "jobs").exists()
    message = f"{refusal.value.message} {refusal.value.hint}"
    assert "\n" not in message
    assert refusal.value.hint
    return message


def test_folders_that_are_no_language_model(pairs, copy, tmp_path):
    recipe = Recipe(model=str(copy))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["BertModel"], "model_type": "bert"}))
    assert "BertModel, which does not write text" in refused(pairs, recipe, tmp_path)
    (copy / "config.json").write_text("{}")
    assert "names no model_type" in refused(pairs, recipe, tmp_path)
    (copy / "config.json").write_text("{")
    assert "config.json" in refused(pairs, recipe, tmp_path)
    (copy / "config.json").rename(copy / "adapter_config.json")
    assert "is a LoRA adapter and not a model" in refused(pairs, recipe, tmp_path)


def test_weights_that_are_not_whole(pairs, copy, tmp_path):
    weights = copy / "model.safetensors"
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}))
    assert "model-2.safetensors" in refused(pairs, Recipe(model=str(copy)), tmp_path)
    (copy / "model.safetensors.index.json").unlink()
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "not copied whole" in refused(pairs, Recipe(model=str(copy)), tmp_path)


def test_a_tokenizer_of_another_model(pairs, copy, tmp_path):
    tensors = load_file(copy / "model.safetensors")
    tensors["model.embed_tokens.weight"] = np.ascontiguousarray(tensors["model.embed_tokens.weight"][:100])
    save_file(tensors, str(copy / "model.safetensors"), metadata={"format": "pt"})
    assert "the model has embeddings for 100" in refused(pairs, Recipe(model=str(copy)), tmp_path)


def test_layers_that_are_not_there(pairs, model, tmp_path):
    said = refused(pairs, Recipe(model=str(model), lora_targets="query, value"), tmp_path, UsageError)
    assert "no layers named query, value" in said
    assert "down_proj, gate_proj, k_proj" in said
    check_before_launch(pairs, [0], Recipe(model=str(model), lora_targets="query, v_proj"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "cuda"}, "no driver of a GPU"),
        ({"precision": "fp16"}, "fp16 training needs a CUDA GPU"),
        ({"device": "cpu", "precision": "fp16"}, "fp16 training needs a CUDA GPU"),
        ({"quantize": "4bit", "device": "cpu"}, "4-bit training needs a CUDA GPU"),
        ({"quantize": "4bit"}, "4-bit training needs a CUDA GPU, and this machine has none"),
        ({"attention": "flash_attention_2"}, "needs a CUDA GPU, and this machine has none"),
        ({"attention": "flex_attention"}, "needs a CUDA GPU, and this machine has none"),
        ({"device": "mps"}, "the GPU of a Mac, and this machine is none"),
    ],
)
def test_what_this_machine_has_not(pairs, model, tmp_path, monkeypatch, options, words):
    monkeypatch.setattr(model_check, "_GPU_FILES", ())
    monkeypatch.setattr(model_check.sys, "platform", "linux")
    assert words in refused(pairs, Recipe(model=str(model), **options), tmp_path, SdeError)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "foobar9"}, "a model of the kind foobar9, which the installed transformers does not know"),
        ({"model_type": "xmodel", "auto_map": {"AutoModelForCausalLM": "x.X"}}, "needs program code of its own"),
        ({"dtype": "float8_weird"}, "names the type of numbers float8_weird, which torch does not know"),
        ({"dtype": None, "torch_dtype": "floaty"}, "names the type of numbers floaty"),
    ],
)
def test_configurations_that_transformers_cannot_load_are_refused_before_the_run_and_told_of_by_preflight(pairs, copy, tmp_path, changes, words):
    path = copy / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "architectures": ["XForCausalLM"], **changes}))
    assert words in refused(pairs, Recipe(model=str(copy)), tmp_path)
    assert [note for note in preflight(pairs, Recipe(model=str(copy))).summary.notes if note.startswith("A run would be refused: ") and words in note]


def test_all_kinds_and_types_that_libraries_name_are_known():
    pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    assert all(model_check._is_known(kind) for kind in CONFIG_MAPPING_NAMES)
    floats = [str(value) for value in vars(torch).values() if isinstance(value, torch.dtype) and value.is_floating_point]
    assert [name for name in floats if not model_check._DTYPE.fullmatch(name)] == []
    assert all(model_check._DTYPE.fullmatch(name.removeprefix("torch.")) for name in floats)


def test_a_folder_without_a_tokenizer_says_so_without_transformers(pairs, copy, tmp_path):
    (copy / "tokenizer.json").unlink()
    assert "has no vocabulary beside its tokenizer_config.json" in refused(pairs, Recipe(model=str(copy)), tmp_path)
    (copy / "tokenizer_config.json").unlink()
    assert "has no tokenizer: no tokenizer.json" in refused(pairs, Recipe(model=str(copy)), tmp_path)


def test_a_model_that_lacks_weights_is_not_filled_up_with_chance(copy):
    pytest.importorskip("torch")
    weights = load_file(copy / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, str(copy / "model.safetensors"), metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 tensor of its own kind of model, such as model\.layers\.1\.mlp\.up_proj\.weight"):
        load_model(Recipe(model=str(copy)), DevicePlan("cpu", "float32", "none", "CPU"))


def test_a_hub_that_does_not_answer_and_a_forbidden_one_are_told_apart(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(tokenizer_module, "hub_is_reachable", lambda: False)
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert "the hub (mirror.example) cannot be reached. Name a folder" in refused(pairs, Recipe(model="them/x"), tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE forbids asking the hub" in refused(pairs, Recipe(model="them/x"), tmp_path)
    assert "no folder and not in this machine's cache" in refused(pairs, Recipe(model="not a name"), tmp_path)


def test_a_name_server_that_is_silent_is_not_waited_for(monkeypatch):
    silent = threading.Event()

    def never(*_, **__):
        silent.wait(60)
        raise OSError

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(tokenizer_module, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(tokenizer_module.socket, "create_connection", never)
    assert not tokenizer_module.hub_is_reachable()
    silent.set()


def test_a_broken_template(pairs, tmp_path):
    broken = make_tiny_model(tmp_path / "broken", template="{% for %}", bos=False)
    assert "template is broken" in refused(pairs, Recipe(model=str(broken)), tmp_path, SdeError)
    check_before_launch(pairs, [0], Recipe(model=str(broken), template="plain"))


def test_the_command_line_says_it_and_fails(run, pairs, model):
    for settings in ("lora_targets=query", "max_length=5"):
        code, out, err = run("train", pairs.path, "--model", str(model), "--detach", "--set", settings)
        assert (code, out) == (2, "")
        assert settings.partition("=")[0] in err
        assert err.strip().count("\n") <= 2


# ---- the hub


ANSWERS = {
    "gated": (403, "GatedRepo"),
    "absent": (401, "RepoNotFound"),
    "gone": (404, "RepoNotFound"),
    "odd": (404, "EntryNotFound"),
    "closed": (403, ""),
}


class Hub(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        status, code = next((answer for name, answer in ANSWERS.items() if name in self.path), (404, ""))
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    constants = pytest.importorskip("huggingface_hub.constants")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for proxy in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("them/gated", "is gated"),
        ("them/absent", "no model them/absent, or it is private"),
        ("them/gone", "no model them/gone, or it is private"),
        ("them/odd", "has no config.json on the hub"),
        ("them/closed", "does not let you read them/closed (403)"),
        ("not a name", "neither a model folder nor a name on the hub"),
    ],
)
def test_the_hubs_refusals_are_one_sentence_each(pairs, tmp_path, name, words):
    assert words in refused(pairs, Recipe(model=name), tmp_path)


# ---- a tokenizer without a pad token


def test_without_a_pad_token_batches_are_filled_with_the_end_token_and_that_is_said(pairs, tmp_path):
    folder = make_tiny_model(tmp_path / "m", pad=False)
    assert any("no pad token" in note for note in preflight(pairs, Recipe(model=str(folder))).summary.notes)
    assert load_tokenizer(str(folder)).pad_id == load_tokenizer(str(folder)).eos_id
    check_before_launch(pairs, [0], Recipe(model=str(folder)))
