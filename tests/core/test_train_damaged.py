"""Damage to what a run lives on: every flipped byte of a checkpoint, an adapter or a recipe is noticed, and a run goes on from what is sound."""

from __future__ import annotations

import json
import re
import shutil

import orjson
import pytest
from ended_run import make_ended_run
from finished_run import make_finished_run
from tiny_model import make_tiny_model

from sde_core.cli.main import main
from sde_core.errors import InputError, JobError, ModelError
from sde_core.evaluate.forgetting import adapted_model
from sde_core.evaluate.side_by_side import sound_adapter
from sde_core.handover.hand_over import hand_over
from sde_core.jobs import Job, JobContext, JobStatus
from sde_core.jobs.status import write_status
from sde_core.train.checkpoints import (
    ADAPTER,
    COMPLETE,
    CheckpointWriter,
    damaged_files,
    last_checkpoint,
    pass_over_damaged,
    remove_unfinished,
    sound_checkpoint,
)
from sde_core.train.extend import write_extension
from sde_core.train.launched import SEAL, launched_recipe, replace_recipe, seal_launch
from sde_core.train.recipe import Recipe
from sde_core.train.seal import changed_files, read_seal, seal_of, sha256_of

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks transformers by the old name
PARTS = {"adapter_model.safetensors": bytes(range(256)) * 3, "trainer_state.json": b'{"global_step": 20}', "run.json": b'{"epoch_steps":10}'}


def write_checkpoint(folder, step, **more):
    writer = CheckpointWriter(folder, step)
    writer.begin()
    for name, content in {**PARTS, **more}.items():
        writer.add(name, content + bytes([step]))
    writer.finish()
    return folder / f"checkpoint-{step}"


def flip(path, place, bit=0):
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def every_third_byte(path):
    """Flips one bit after the other in a file, each time from its sound content."""
    sound = path.read_bytes()
    for place in range(0, len(sound), 3):
        flip(path, place, bit=place % 8)
        yield place
        path.write_bytes(sound)


@pytest.fixture
def context(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/spec.json").write_text(json.dumps({"kind": "train", "title": "t", "spec": {}}))
    return JobContext(tmp_path / "run", JobStatus())


# ---- checkpoints


def test_every_flipped_byte_of_a_checkpoint_passes_it_over(tmp_path):
    before, last = write_checkpoint(tmp_path, 10), write_checkpoint(tmp_path, 20)
    assert sound_checkpoint(tmp_path) == (last, ())
    for path in sorted(last.iterdir()):
        for place in every_third_byte(path):
            found, (damaged,) = sound_checkpoint(tmp_path)
            assert (found, damaged.path, damaged.files) == (before, last, (path.name,)), place
    assert sound_checkpoint(tmp_path) == (last, ())


def test_a_shorter_longer_or_missing_file_passes_it_over(tmp_path):
    before, last = write_checkpoint(tmp_path, 10), write_checkpoint(tmp_path, 20)
    for spoil in (
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        lambda p: p.unlink(),
    ):
        sound = (last / ADAPTER).read_bytes()
        spoil(last / ADAPTER)
        assert sound_checkpoint(tmp_path)[0] == before
        assert last_checkpoint(tmp_path) == before
        (last / ADAPTER).write_bytes(sound)


def test_only_what_matters_is_looked_at(tmp_path):
    last = write_checkpoint(tmp_path, 20)
    flip(last / "run.json", 3)
    assert damaged_files(last) == ("run.json",)
    assert sound_checkpoint(tmp_path, (ADAPTER,)) == (last, ())


def test_checkpoints_of_earlier_versions_without_hashes_are_read(tmp_path):
    last = write_checkpoint(tmp_path, 20)
    sizes = {path.name: path.stat().st_size for path in last.iterdir() if path.name != COMPLETE}
    (last / COMPLETE).write_bytes(orjson.dumps(sizes))
    assert sound_checkpoint(tmp_path) == (last, ())
    assert last_checkpoint(tmp_path) == last
    (last / "run.json").write_bytes(b"")
    assert sound_checkpoint(tmp_path)[0] is None


def test_the_run_goes_on_from_the_one_before_and_says_so_to_the_end(context):
    folder = context.folder / "checkpoints"
    before, last = write_checkpoint(folder, 10), write_checkpoint(folder, 20)
    flip(last / ADAPTER, 5)
    (folder / "checkpoint-30.unfinished").mkdir()
    pass_over_damaged(context)
    remove_unfinished(folder)
    assert last_checkpoint(folder) == before
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-10", "damaged-checkpoint-20"]
    context.finish("done", "Trained 20 steps.")
    told = "The checkpoint of step 20 is damaged (adapter_model.safetensors): it went on from step 10."
    assert context.status.message == f"Trained 20 steps. {told}"
    assert [event["words"] for event in Job(context.folder).events()[0] if event["event"] == "remark"] == [told]


def test_where_it_is_damaged_again_only_the_last_one_is_kept(context):
    folder = context.folder / "checkpoints"
    write_checkpoint(folder, 10)
    for _ in range(2):
        flip(write_checkpoint(folder, 20) / ADAPTER, 5)
        pass_over_damaged(context)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-10", "damaged-checkpoint-20"]


def test_where_none_is_sound_one_sentence_says_so_and_nothing_is_touched(context):
    folder = context.folder / "checkpoints"
    for step in (10, 20):
        flip(write_checkpoint(folder, step) / ADAPTER, 5)
    with pytest.raises(JobError) as refused:
        pass_over_damaged(context)
    assert refused.value.message == "The checkpoint of step 20 is damaged (adapter_model.safetensors), and there is no sound one before it."
    assert refused.value.hint == f"Delete {folder}, and resumed it begins at its first step; or start a new run."
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-10", "checkpoint-20"]
    shutil.rmtree(folder)
    pass_over_damaged(context)


def test_an_extension_goes_on_from_the_sound_one(tmp_path):
    job = Job(make_ended_run(tmp_path, steps=40))
    later = write_checkpoint(job.folder / "checkpoints", 50)
    flip(later / "run.json", 2)
    assert write_extension(job, steps=5).saved == 40
    flip(job.folder / "checkpoints/checkpoint-40/run.json", 2)
    with pytest.raises(JobError, match="The checkpoint of step 50 is damaged") as refused:
        write_extension(job, steps=5)
    assert refused.value.hint == "It cannot go on; start a new run with more steps."


# ---- the seal


def test_a_seal_knows_its_files_and_itself(tmp_path):
    files = {"a": b"one", "b": b"", "ü.json": b"{}"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    seal = tmp_path / "seal.json"
    seal.write_bytes(seal_of(tmp_path / name for name in files))
    assert changed_files(seal) == ()
    assert sha256_of(tmp_path / "b") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for _ in every_third_byte(seal):
        assert read_seal(seal) is None
    for strange in (b"", b"[]", b"{}", b'{"files":1,"seal":2}', b"\xff"):
        seal.write_bytes(strange)
        assert read_seal(seal) is None


# ---- the recipe


@pytest.fixture
def launched(tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(Recipe(epochs=4, learning_rate=1e-3).to_json()))
    (tmp_path / "manifest.json").write_text(json.dumps({"rows": {"train": 3}}))
    seal_launch(tmp_path)
    return tmp_path


def test_every_flipped_byte_of_recipe_and_manifest_is_refused(launched):
    assert launched_recipe(launched).epochs == 4
    for name in ("recipe.json", "manifest.json", SEAL):
        for place in every_third_byte(launched / name):
            with pytest.raises(InputError, match="changed since the run was launched" if name != SEAL else "is damaged"):
                launched_recipe(launched)
            assert place >= 0
    (launched / "recipe.json").unlink()
    with pytest.raises(InputError, match=r"recipe\.json in .* changed since the run was launched"):
        launched_recipe(launched)


def test_a_run_without_a_seal_is_taken_as_it_is(launched):
    (launched / SEAL).unlink()
    flip(launched / "manifest.json", 4)
    assert launched_recipe(launched).epochs == 4


@pytest.mark.parametrize("broken_off_at", ["launched-before.json", SEAL, "recipe.json", None])
def test_a_recipe_replaced_and_broken_off_anywhere_is_still_sealed(launched, monkeypatch, broken_off_at):
    from sde_core.train import launched as module

    write = module.atomic_write

    def write_until(path, chunks):
        if path.name == broken_off_at:
            raise KeyboardInterrupt
        write(path, chunks)

    monkeypatch.setattr(module, "atomic_write", write_until)
    longer = json.dumps(Recipe(epochs=9).to_json()).encode()
    if broken_off_at:
        with pytest.raises(KeyboardInterrupt):
            replace_recipe(launched, longer)
        assert launched_recipe(launched).epochs == 4
        monkeypatch.setattr(module, "atomic_write", write)
    replace_recipe(launched, longer)
    assert launched_recipe(launched).epochs == 9
    assert sorted(path.name for path in launched.iterdir()) == [SEAL, "manifest.json", "recipe.json"]


# ---- a finished run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    model = make_tiny_model(folder / "model")
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"say {i}", "response": f"{i} cats"}) + "\n" for i in range(6)))
    return data, make_finished_run(data, Recipe(model=str(model), lora_r=4, held_out=0.25, device="cpu"))


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the run with its adapter sealed and the checkpoint of its last step."""
    folder = tmp_path / finished[1].id
    shutil.copytree(finished[1].folder, folder)
    adapter = folder / "result/adapter"
    (adapter / COMPLETE).write_bytes(seal_of(adapter.iterdir()))
    seal_launch(folder)
    writer = CheckpointWriter(folder / "checkpoints", 8)
    writer.begin()
    for name in (ADAPTER, "adapter_config.json"):
        writer.add(name, (adapter / name).read_bytes())
    writer.finish()
    return folder


def test_a_damaged_adapter_is_tried_and_handed_over_from_its_checkpoint_with_a_sentence(run, tmp_path):
    assert (sound_adapter(run).name, sound_adapter(run).damaged) == ("final", "")
    sound = (run / "result/adapter" / ADAPTER).read_bytes()
    flip(run / "result/adapter" / ADAPTER, 900)
    saved = sound_adapter(run)
    assert (saved.weights, saved.name) == (run / "checkpoints/checkpoint-8" / ADAPTER, "step 8")
    assert re.fullmatch(
        r"The adapter of \S+ \(final\) is damaged: adapter_model.safetensors changed .*; this is the checkpoint of step 8\.", saved.damaged
    )
    told = hand_over(run, tmp_path / "handed")
    assert any("Its last checkpoint holds the same weights" in remark for remark in told.remarks)
    assert (tmp_path / "handed/adapter" / ADAPTER).read_bytes() == sound
    with pytest.raises(ModelError, match=r"is damaged: adapter_model\.safetensors changed"):
        adapted_model(Recipe(), None, run / "result/adapter")


def test_where_nothing_sound_is_left_it_is_refused(run, tmp_path):
    flip(run / "result/adapter" / ADAPTER, 900)
    flip(run / "checkpoints/checkpoint-8" / ADAPTER, 900)
    with pytest.raises(ModelError, match="no sound one is left"):
        sound_adapter(run)
    with pytest.raises(ModelError, match="no checkpoint of its last step is left"):
        hand_over(run, tmp_path / "handed")
    assert not (tmp_path / "handed").exists()


def test_a_changed_recipe_is_neither_tried_nor_handed_over(run, tmp_path):
    recipe = json.loads((run / "recipe.json").read_text())
    (run / "recipe.json").write_text(json.dumps({**recipe, "template": "none"}))
    with pytest.raises(InputError, match=r"recipe\.json in .* changed since the run was launched"):
        hand_over(run, tmp_path / "handed")


# ---- through a real process


def test_a_resumed_run_refuses_a_changed_recipe_before_it_loads_torch(run, capsys):
    flip(run / "recipe.json", 40)
    write_status(run / "status.json", JobStatus(state="stopped"))
    job = Job(run)
    job.resume()
    status = job.wait(60)
    assert status.state == "failed"
    assert status.message == f"recipe.json in {run} changed since the run was launched."
    assert status.hint == f"Start a new run; sde train DATA --recipe {run / 'recipe.json'} takes the recipe as it is now."
    assert "torch" not in job.log_path.read_text()
    assert main(["jobs", "show", str(run)]) == 0
    assert "changed since the run was launched" in capsys.readouterr().out
