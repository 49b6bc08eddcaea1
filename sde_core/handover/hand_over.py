"""Writing the folder that is handed over: whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from sde_core.dataset.turns import ASSISTANT, USER, Turn
from sde_core.errors import ModelError, UsageError
from sde_core.files import from_home, refuse_source, unwritable
from sde_core.handover.axolotl import axolotl_recipe
from sde_core.handover.card import adapter_card
from sde_core.handover.exported_rows import ExportedRows, export_rows, trained_rows, write_rows_for_trl
from sde_core.handover.llama_factory import dataset_info, llama_factory_recipe
from sde_core.handover.mlx import mlx_recipe
from sde_core.handover.plan import HandoverPlan, RecipeFile, finished_run, on_which_device
from sde_core.handover.trl import trl_recipe
from sde_core.handover.unsloth import unsloth_recipe
from sde_core.train.checkpoints import ADAPTER, damaged_files, sound_checkpoint, step_of
from sde_core.train.encode import Encoder
from sde_core.train.recipe import Recipe
from sde_core.train.render import Renderer
from sde_core.train.rows import read_snapshot
from sde_core.train.tokenizer import Tokenizer, load_tokenizer, model_location
from sde_core.visible import visible

RECIPES: tuple[Callable[[HandoverPlan], RecipeFile], ...] = (trl_recipe, axolotl_recipe, llama_factory_recipe, unsloth_recipe, mlx_recipe)
"""A new tool is one file and one line here."""
_PROBES = 4
_SETTINGS = "adapter_config.json"
_EMBEDDED = "base_model"


@dataclass(frozen=True, slots=True)
class Handover:
    """What was written.

    Attributes:
        folder: Where.
        files: All files, relative to it, sorted.
        recipes: The recipes for other tools, with what each does not carry over.
        rows: The exported rows.
        base: What the recipes call the base model.
        merged_difference: The largest difference of the merged model's logits, None where nothing was merged.
        remarks: What the user should know, a sentence each.
    """

    folder: str
    files: tuple[str, ...]
    recipes: tuple[RecipeFile, ...]
    rows: ExportedRows
    base: str
    merged_difference: float | None
    remarks: tuple[str, ...]


def hand_over(run: Path, folder: Path, *, merge: bool = False, base: str = "", say: Callable[[str], None] = lambda _: None) -> Handover:
    """Writes a finished run into a new folder: adapter and card, its rows, recipes for other tools, and the merged model if asked for.

    Args:
        run: The run's folder.
        folder: A folder that does not exist yet or is empty.
        merge: Whether the adapter is merged into the base model's weights too; loads torch.
        base: What the recipes call the base model, such as its hub name; by default where the run found it. The small model that comes with sde
            goes into the folder.
        say: Told what is done now.

    Raises:
        UsageError: When the run is not done, or the folder holds something.
        InputError: When recipe or manifest are not those of the launch.
        ModelError: When the model cannot be loaded, its adapter is damaged, or merging changes what it says.
        ReadOnlyError: When the folder cannot be written; nothing is left behind.
    """
    recipe, manifest, metrics = finished_run(run)
    folder = from_home(folder).absolute()
    _refuse_folder(folder)
    scratch = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        (scratch / "data").mkdir(parents=True)
        told = _written(run, recipe, manifest, metrics, scratch, merge, base, say)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return replace(told, folder=str(folder), files=tuple(files))


def _written(
    run: Path, recipe: Recipe, manifest: dict[str, Any], metrics: dict[str, Any], folder: Path, merge: bool, base: str, say: Callable[[str], None]
) -> Handover:
    say("Writing the rows.")
    encoder = Encoder(load_tokenizer(recipe.model), recipe)
    found = trained_rows(run, encoder)
    rows = export_rows(found, encoder, folder / "data")
    named, remarks = _base(recipe, base, folder)
    plan = _plan(run, recipe, metrics, encoder, rows, named)
    write_rows_for_trl(found, encoder, folder / "data", pairs=plan.trl_pairs)
    adapter, remark = _sound_adapter(run, plan.steps)
    remarks += [remark] * bool(remark)
    _write_adapter(adapter, folder / "adapter", named)
    difference = None
    if merge:
        say("Merging the adapter into the weights.")
        from sde_core.handover.merge import write_merged

        difference = write_merged(recipe, adapter / ADAPTER, folder / "merged", _probes(run, encoder))
    recipes = tuple(tool(plan) for tool in RECIPES)
    for file in recipes:
        (folder / file.path).write_text(file.text, "utf-8")
    (folder / "data" / "dataset_info.json").write_text(dataset_info(plan), "utf-8")
    _write_json(folder / "recipe.json", {**recipe.to_json(), "model": named})
    _write_json(folder / "manifest.json", _without_folder(manifest))
    _write_json(folder / "metrics.json", metrics)
    (folder / "README.md").write_text(adapter_card(plan, manifest, metrics, rows, recipes, difference), "utf-8")
    return Handover("", (), recipes, rows, named, difference, tuple(remarks))


def _refuse_folder(folder: Path) -> None:
    shown = visible(str(folder), 200)
    refuse_source(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{shown} is there already and not empty.", "Choose another name for -o.")
    if not folder.parent.is_dir():
        raise UsageError(f"The folder {visible(str(folder.parent), 200)} does not exist.", "Create it first, or choose another name for -o.")


def _base(recipe: Recipe, named: str, folder: Path) -> tuple[str, list[str]]:
    """What the recipes call the base model, and what is to be said about that."""
    location = model_location(recipe.model)
    if named:
        return named, []
    if location == model_location(""):
        shutil.copytree(location, folder / _EMBEDDED)
        return _EMBEDDED, []
    if Path(location).is_dir():
        return location, [
            f"The recipes and the card name the base model by its place here, {visible(location, 200)}: --base NAME names it otherwise."
        ]
    return location, []


def _plan(run: Path, recipe: Recipe, metrics: dict[str, Any], encoder: Encoder, rows: ExportedRows, named: str) -> HandoverPlan:
    device, precision = on_which_device(run)
    instruction, response = _frame(encoder.tokenizer, recipe) if rows.form != "text" else ("", "")
    return HandoverPlan(
        recipe=recipe,
        base=named,
        form=rows.form,
        several_answers=rows.several_answers,
        earlier_answers=rows.earlier_answers,
        steps=int(metrics["steps"]),
        max_length=encoder.max_length,
        device=device,
        precision=precision,
        held_out=rows.held_out > 0,
        instruction_part=instruction,
        response_part=response,
        eos=encoder.tokenizer.eos_token,
        masks_by_template="{% generation" in encoder.tokenizer.template_source or "{%- generation" in encoder.tokenizer.template_source,
        after_end=_after_end(encoder),
    )


def _after_end(encoder: Encoder) -> str:
    rendered = encoder.renderer.render([Turn(USER, "x"), Turn(ASSISTANT, "x")])
    return rendered.text[rendered.answers[-1].stop :]


def _frame(tokenizer: Tokenizer, recipe: Recipe) -> tuple[str, str]:
    """What stands before a user's words and before an answer from the second exchange on; empty where the template cannot tell."""
    marks = ("\ue000", "\ue001", "\ue002", "\ue003")
    roles = (USER, ASSISTANT, USER, ASSISTANT)
    rendered = Renderer(tokenizer, recipe.template).render([Turn(role, mark) for role, mark in zip(roles, marks, strict=True)]).text
    if not all(rendered.count(mark) == 1 for mark in marks):
        return "", ""
    first_close = rendered.rpartition(marks[3])[2]
    before_user = rendered.partition(marks[1])[2].partition(marks[2])[0]
    before_answer = rendered.partition(marks[2])[2].partition(marks[3])[0]
    return _after_close(before_user, first_close), _after_close(before_answer, first_close)


def _after_close(between: str, close: str) -> str:
    """What opens a turn: the text between two turns without what closes the first."""
    return between.removeprefix(close).strip(" ") or between.strip(" ")


def _sound_adapter(run: Path, steps: int) -> tuple[Path, str]:
    """The folder of the run's last adapter, and what is to be said where that is a checkpoint because the result is damaged."""
    result, files = run / "result" / "adapter", (ADAPTER, _SETTINGS)
    damaged = damaged_files(result, files)
    if not damaged:
        return result, ""
    checkpoint, _ = sound_checkpoint(run / "checkpoints", files)
    words = f"The adapter of this run is damaged: {' and '.join(damaged)} changed since it was saved"
    if checkpoint is None or step_of(checkpoint) != steps:
        raise ModelError(f"{words}, and no checkpoint of its last step is left.", "Train it again, or hand another run over.")
    return checkpoint, f"{words}. Its last checkpoint holds the same weights and was handed over."


def _write_adapter(source: Path, folder: Path, named: str) -> None:
    """The adapter's weights and settings; its settings name the base model as the recipes do."""
    try:
        settings = orjson.loads((source / _SETTINGS).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelError("This run's adapter cannot be read.", "Train it again, or hand another run over.") from error
    folder.mkdir()
    shutil.copyfile(source / ADAPTER, folder / ADAPTER)
    _write_json(folder / _SETTINGS, {**settings, "base_model_name_or_path": named})


def _probes(run: Path, encoder: Encoder) -> Sequence[Sequence[int]]:
    """Token ids of the first rows that train."""
    found: list[list[int]] = []
    for row in read_snapshot(run):
        encoded = encoder.encode(row.turns)
        if encoded.parts:
            found.append(encoded.ids.tolist())
        if len(found) == _PROBES:
            break
    return found


def _without_folder(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the dataset's name instead of its place on this machine."""
    dataset = manifest.get("dataset", {})
    return {**manifest, "dataset": {**dataset, "path": Path(str(dataset.get("path", ""))).name}}


def _write_json(path: Path, value: Any) -> None:
    path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
