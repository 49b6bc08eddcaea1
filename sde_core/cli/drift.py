"""`sde drift`: each field's types over the file, where they change, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from sde_core.checks.config import Silence, config_for
from sde_core.checks.config_edit import add_silence, config_path
from sde_core.checks.findings import Finding
from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.export import export_rows
from sde_core.features.field_drift import Conversion, FieldHistory, conversion_of, converted, field_histories, kinds_of_fields, record_shapes
from sde_core.features.record_shape import RecordShapes
from sde_core.files import unwritable
from sde_core.visible import visible
from sde_core.wording import count_of

_CHECKS = ("changed-type", "field-drift")
_SHOWN_SEGMENTS = 6
_MOST_PARTS = 20
_EPILOG = """\b
Each field that drifts leaves a choice:
  fix     --fix-to FILE            writes the odd values as the others are,
                                   where nothing is lost: 5 as "5", "5" as 5,
                                   ["a"] as "a"; every other byte stays
  split   --split-to FOLDER        one file for each form the records have
  ignore  --ignore FIELD --reason  a silence in sde.toml, for `sde check` too

\b
JSON: {"dataset":{"path","rows","bad_lines"},
"fields":[{"field","kinds":{kind:rows},
"segments":[{"first","last","rows","kind"}],"runs","drifts","choices":[…],
"fix":{"target","rows","before","after"},"ignored":reason}]}

\b
Examples:
  sde drift data.jsonl
  sde drift data.jsonl --fix-to fixed.jsonl
  sde drift data.jsonl --ignore meta.score --reason "two raters, two scales" """


@click.command("drift", epilog=_EPILOG)
@data_options
@click.option("--all", "show_all", is_flag=True, help="Show the fields that keep their type too.")
@click.option("--fix-to", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write all rows to FILE, odd values converted.")
@click.option("--split-to", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Write a file for each form into FOLDER.")
@click.option("--ignore", metavar="FIELD", help="Let the drift of FIELD stand; needs --reason.")
@click.option("--reason", help="Why it may stand.")
@json_option
def command(
    dataset: Dataset, show_all: bool, fix_to: Path | None, split_to: Path | None, ignore: str | None, reason: str | None, as_json: bool
) -> int:
    """Show each field's types over DATA, and the rows where they change."""
    with stderr_progress("reading") as progress:
        shapes = record_shapes(dataset, progress=progress)
    histories = field_histories(shapes)
    if ignore is not None:
        _ignore(dataset, histories, ignore, reason)
    ignored = _ignored(dataset, histories)
    open_ones = [history for history in histories if history.drifts and history.field not in ignored]
    fixes = {history.field: fix for history in open_ones if (fix := conversion_of(dataset, history, shapes)) is not None}
    if as_json:
        emit_json(_as_json(dataset, histories, fixes, ignored))
    else:
        _print(dataset, histories, fixes, ignored, show_all)
    if fix_to is not None:
        _write_fixed(dataset, list(fixes.values()), fix_to)
    if split_to is not None:
        _write_split(dataset, shapes, open_ones, split_to)
    return 0


def _ignored(dataset: Dataset, histories: Sequence[FieldHistory]) -> dict[str, str]:
    """Reason by field, for fields whose drift is silenced."""
    silences = config_for(dataset.path, _known_checks()).silences
    ignored: dict[str, str] = {}
    for history in histories:
        findings = [Finding(check, "info", (), "", "", history.field) for check in _CHECKS]
        reasons = [silence.reason for silence in silences if silence.field and any(silence.covers(finding, {}) for finding in findings)]
        if reasons:
            ignored[history.field] = reasons[0]
    return ignored


def _known_checks() -> set[str]:
    from sde_core.checks.runner import known_names

    return set(known_names())


def _ignore(dataset: Dataset, histories: Sequence[FieldHistory], field: str, reason: str | None) -> None:
    if not reason:
        raise UsageError("--ignore needs a reason.", f'For example: --ignore {visible(field, 60)} --reason "two raters, two scales"')
    history = next((history for history in histories if history.field == field and history.drifts), None)
    if history is None:
        drifting = ", ".join(visible(known.field, 40) for known in histories if known.drifts) or "none"
        raise UsageError(f"There is no drift in a field named {visible(field, 60)!r}.", f"Fields that drift: {drifting}.")
    path = config_path(dataset.path)
    for check, concerned in zip(_CHECKS, (history.changes_type, history.comes_or_goes), strict=True):
        if concerned:
            add_silence(path, Silence(reason, check, field))
    talk(f"The drift of {visible(field, 60)} is let stand in {visible(str(path))}.")


def _as_json(dataset: Dataset, histories: Sequence[FieldHistory], fixes: Mapping[str, Conversion], ignored: Mapping[str, str]) -> dict[str, Any]:
    fields = []
    for history in histories:
        fix = fixes.get(history.field)
        shown = {**asdict(history), "drifts": history.drifts, "choices": _choices(history, fixes), "ignored": ignored.get(history.field)}
        fields.append({**shown, "fix": asdict(fix) if fix else None})
    return {"dataset": {"path": dataset.path, "rows": len(dataset), "bad_lines": len(dataset.bad)}, "fields": fields}


def _choices(history: FieldHistory, fixes: Mapping[str, Conversion]) -> list[str]:
    return ([*(["fix"] if history.field in fixes else []), "split", "ignore"]) if history.drifts else []


def _print(dataset: Dataset, histories: Sequence[FieldHistory], fixes: Mapping[str, Conversion], ignored: Mapping[str, str], show_all: bool) -> None:
    drifting = [history for history in histories if history.drifts]
    fields = sum(bool(history.field) for history in histories)
    click.echo(f"{count_of(fields, 'field')} in {count_of(len(dataset) - len(dataset.bad), 'readable row')}, {len(drifting):,} of them drift.")
    for history in histories if show_all else drifting:
        _print_field(history, fixes, ignored.get(history.field, ""))


def _print_field(history: FieldHistory, fixes: Mapping[str, Conversion], reason: str) -> None:
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in history.kinds.items())
    click.echo(f"\n{visible(history.field, 60) or '(the record)'}: {kinds}")
    if history.runs > 1:
        for segment in history.segments[:_SHOWN_SEGMENTS]:
            rows = f"row {segment.first:,}" if segment.rows == 1 else f"rows {segment.first:,}–{segment.last:,}"
            click.echo(f"  {rows:<28}{segment.kind}")
        if history.runs > _SHOWN_SEGMENTS:
            click.echo(f"  … {count_of(history.runs - _SHOWN_SEGMENTS, 'more stretch', 'more stretches')}")
    fix = fixes.get(history.field)
    if reason:
        click.echo(f"  ignored: {visible(reason, 60)}")
    elif fix:
        click.echo(f"  fix {count_of(len(fix.rows), 'row')}: {visible(fix.before, 14)} → {visible(fix.after, 14)} (--fix-to FILE), split or ignore")
    elif history.drifts:
        click.echo("  no conversion is without loss: split (--split-to FOLDER) or ignore")


def _write_fixed(dataset: Dataset, fixes: Sequence[Conversion], path: Path) -> None:
    if not fixes:
        raise UsageError("No field can be fixed without loss.", "Use --split-to FOLDER, or --ignore FIELD --reason.")
    rows = sorted({row for fix in fixes for row in fix.rows})
    written = {row: converted(dataset.edited_raw(row), fixes) for row in rows}
    done = {fix.field: fix.target for fix in fixes}
    export_rows(dataset.with_written(written), range(len(dataset)), path, parameters={"converted": done})
    talk(f"{count_of(len(dataset), 'row')} written to {visible(str(path))}, {count_of(len(rows), 'row')} converted.")


def _write_split(dataset: Dataset, shapes: RecordShapes, drifting: Sequence[FieldHistory], folder: Path) -> None:
    """Writes the rows of each combination of kinds to a file of its own, malformed rows to none."""
    if not drifting:
        raise UsageError("Nothing drifts: there is nothing to split.")
    forms = kinds_of_fields(shapes, [history.field for history in drifting])
    distinct = sorted(dict.fromkeys(forms), key=lambda form: -int(shapes.counts[[one == form for one in forms]].sum()))
    if len(distinct) > _MOST_PARTS:
        raise UsageError(f"The records have {len(distinct)} forms, too many for a file each.", "Let some fields stand: --ignore FIELD --reason.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    stem, ending = Path(dataset.name).name.split(".")[0], dataset.format
    for number, form in enumerate(distinct, 1):
        rows = np.sort(shapes.rows_of([place for place, one in enumerate(forms) if one == form])).tolist()
        path = folder / f"{stem}.{number}-of-{len(distinct)}.{ending}"
        kinds = {history.field: kind for history, kind in zip(drifting, form, strict=True)}
        export_rows(dataset, rows, path, parameters={"kinds": kinds})
        talk(f"{visible(str(path))}: {count_of(len(rows), 'row')}, " + ", ".join(f"{visible(field, 40)} {kind}" for field, kind in kinds.items()))
