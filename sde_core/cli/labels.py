"""`sde labels`: likely label errors, and how far annotators agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from sde_core.checks.labels import Agreement, LabelErrors, LabelEvidence, annotator_agreement, find_label_errors, labelled_rows
from sde_core.cli.common import data_options, emit_json, json_option, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.tables import refuse_other_suffix, write_table
from sde_core.visible import visible
from sde_core.wording import count_of

_EXCERPT, _NAME, _PAIRS = 76, 24, 4
_PREDICTABLE = 0.8
_EPILOG = """\b
Three models that never saw a row's own label say how probable each class is:
one reads words (TF-IDF and ridge regression, cross-validated), one meaning
(embeddings and kernel ridge regression, leave-one-out), one lets the nearest
rows vote. They are calibrated and averaged; no torch. A likely error is one
that cleanlab's confident learning calls so, with a score of 0.5 or more.

\b
-o writes every row: row, label, suggested, score (0-1, higher = more
suspicious; empty where a row is not judged), likely, given_probability,
suggested_probability, fits_no_class, not_judged (why), split, and for likely
errors the nearest rows of both classes (cosine of the embeddings).

\b
Examples:
  sde labels data.jsonl
  sde labels data.jsonl --field meta.intent -o scores.parquet
  sde labels data.jsonl --agreement
  sde labels data.jsonl --json | jq '.errors[] | [.row, .label, .suggested]'"""


@click.command("labels", epilog=_EPILOG)
@data_options
@click.option("--field", default="", metavar="F", help="The label, nested ones as meta.intent; by default the one that looks most like it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A new .parquet, .jsonl or .csv file with every row.")
@click.option("--agreement", "agreement_only", is_flag=True, help="Only how far annotators agree: label_1, label_2; a list; the same text twice.")
@click.option("--show", default=12, show_default=True, metavar="N", help="Likely errors to print; --json prints all.")
@json_option
def command(dataset: Dataset, field: str, output: Path | None, agreement_only: bool, show: int, as_json: bool) -> None:
    """Find labels in DATA that are likely wrong, ranked, with the suggested label and evidence."""
    if output is not None:
        refuse_other_suffix(output)
    with stderr_progress("reading") as progress:
        agreement = annotator_agreement(dataset, progress=progress)
    if agreement_only:
        _tell_agreement(agreement, as_json)
        return
    with stderr_progress("reading labels") as progress:
        labelled = labelled_rows(dataset, field, progress=progress)
    with stderr_progress("judging labels") as progress:
        found = find_label_errors(labelled, progress=progress)
    if output is not None:
        _write(found, output)
        talk(f"{count_of(len(found.scores), 'row')} written to {visible(str(output))}.")
    if as_json:
        emit_json(_as_json(dataset, found, agreement))
    else:
        _print(found, agreement, show)


def _tell_agreement(agreement: Agreement | None, as_json: bool) -> None:
    if as_json:
        emit_json({"agreement": agreement.to_json() if agreement else None})
    else:
        click.echo(_agreement_text(agreement) if agreement else "No row has two labels: there is no agreement to measure.")


def _agreement_text(agreement: Agreement) -> str:
    kappa = "not defined: one class only" if np.isnan(agreement.kappa) else f"{agreement.kappa:.3f}"
    return (
        f"agreement ({visible(agreement.source, 60)}) · {count_of(agreement.rows, 'row')} with up to {agreement.raters} labels\n"
        f"  equal {agreement.percent:.1%} · {agreement.statistic} {kappa} · {count_of(len(agreement.disagreeing), 'row')} disagree\n"
        f"  {agreement.ceiling}"
    )


def _print(found: LabelErrors, agreement: Agreement | None, show: int) -> None:
    labelled, ranked = found.labelled, found.ranked()
    judged, outliers = int(found.judged().sum()), np.flatnonzero(found.outliers)
    click.echo(f"{visible(labelled.field)} · {count_of(len(labelled.classes), 'class', 'classes')} in {count_of(len(labelled.rows), 'row')}")
    click.echo(f"  {_method(found)}")
    click.echo(f"  {count_of(len(ranked), 'likely label error')} ({len(ranked) / max(judged, 1):.1%}) · {len(outliers):,} fit no class")
    if found.predictable < _PREDICTABLE:
        click.echo(f"  The texts say little about this label: models get {found.predictable:.0%} right. Read before changing any.")
    if judged < len(labelled.rows):
        click.echo(f"  {count_of(len(labelled.rows) - judged, 'row')} not judged: {_why_not_judged(found)}")
    splits = found.by_split()
    for one in splits if len(splits) > 1 else ():
        click.echo(f"    in {visible(one.split or 'no split', 24):<24} {one.likely:>7,} of {one.judged:,}")
    for given, suggested, count in list(found.pairs())[:_PAIRS] if len(ranked) > show else ():
        click.echo(f"    {visible(given, _NAME)} → {visible(suggested, _NAME)}: {count_of(count, 'row')}")
    for place in ranked[:show].tolist():
        _print_error(found, found.evidence(place), place)
    if len(ranked) > show:
        click.echo(f"\n… and {len(ranked) - show:,} more (--show {len(ranked)}, or -o scores.parquet).")
    if len(outliers):
        rows = ", ".join(f"{row}" for row in labelled.rows[outliers][:12].tolist())
        click.echo(f"\nfit no class: rows {rows}{', …' if len(outliers) > 12 else ''}")
    if agreement is not None:
        click.echo(f"\n{_agreement_text(agreement)}")


def _method(found: LabelErrors) -> str:
    rows, seed = len(found.labelled.rows), found.params.seed
    learned = "all rows" if found.learned == int(found.judged().sum()) else f"a sample of {found.learned:,} of {rows:,} rows"
    return f"cross-validated over {learned}, all splits together, seed {seed}"


def _why_not_judged(found: LabelErrors) -> str:
    reasons: dict[str, int] = {}
    for place in np.flatnonzero(~found.judged()).tolist():
        why = found.why_not_judged(place)
        reasons[why] = reasons.get(why, 0) + 1
    return ", ".join(f"{why} {count:,}" for why, count in reasons.items())


def _print_error(found: LabelErrors, one: LabelEvidence, place: int) -> None:
    text = visible(" ".join(found.labelled.texts[place].split()), _EXCERPT)
    click.echo(f"\n{one.score:.2f} row {one.row}  {visible(one.label, _NAME)} ({one.given_probability:.2f}) → "
               f"{visible(one.suggested, _NAME)} ({one.suggested_probability:.2f})")  # fmt: skip
    click.echo(f"  {text}")
    for name, neighbours in ((one.label, one.given_neighbours), (one.suggested, one.suggested_neighbours)):
        rows = ", ".join(f"{near.row} ({near.similarity:.2f})" for near in neighbours) or "none"
        click.echo(f"  nearest {visible(name, _NAME)}: {rows}")


def _as_json(dataset: Dataset, found: LabelErrors, agreement: Agreement | None) -> dict[str, Any]:
    labelled, judged = found.labelled, found.judged()
    return {
        "dataset": {"path": dataset.path, "rows": len(dataset), "readable": len(labelled.rows), "layout": dataset.layout.name},
        "field": labelled.field,
        "classes": len(labelled.classes),
        "judged": int(judged.sum()),
        "predictable": round(found.predictable, 4),
        "learned": found.learned,
        "seed": found.params.seed,
        "folds": found.params.folds,
        "splits": [{"split": one.split, "judged": one.judged, "likely": one.likely} for one in found.by_split()],
        "errors": [_error_json(found.evidence(place)) for place in found.ranked().tolist()],
        "fits_no_class": labelled.rows[found.outliers].tolist(),
        "not_judged": [{"row": int(labelled.rows[at]), "why": found.why_not_judged(at)} for at in np.flatnonzero(~judged).tolist()],
        "agreement": agreement.to_json() if agreement else None,
    }


def _error_json(one: LabelEvidence) -> dict[str, Any]:
    return {
        "row": one.row,
        "label": one.label,
        "suggested": one.suggested,
        "score": round(one.score, 6),
        "given_probability": round(one.given_probability, 6),
        "suggested_probability": round(one.suggested_probability, 6),
        "given_neighbours": [{"row": near.row, "similarity": near.similarity} for near in one.given_neighbours],
        "suggested_neighbours": [{"row": near.row, "similarity": near.similarity} for near in one.suggested_neighbours],
    }


def _write(found: LabelErrors, output: Path) -> None:
    import polars as pl

    schema: dict[str, Any] = {
        "row": pl.UInt32,
        "label": pl.String,
        "suggested": pl.String,
        "score": pl.Float32,
        "likely": pl.Boolean,
        "given_probability": pl.Float32,
        "suggested_probability": pl.Float32,
        "fits_no_class": pl.Boolean,
        "not_judged": pl.String,
        "split": pl.String,
        **{f"{which}_neighbours": pl.List(pl.UInt32) for which in ("given", "suggested")},
        **{f"{which}_similarities": pl.List(pl.Float32) for which in ("given", "suggested")},
    }
    write_table(pl.DataFrame(list(_rows(found)), schema=schema), output)


def _rows(found: LabelErrors) -> Iterator[dict[str, Any]]:
    """Every readable row in file order."""
    labelled = found.labelled
    for place, row in enumerate(labelled.rows.tolist()):
        suggested = int(found.suggested[place])
        evidence = found.evidence(place) if found.likely[place] else None
        yield {
            "row": row,
            "label": labelled.labels[place],
            "suggested": labelled.classes[suggested] if suggested >= 0 else None,
            "score": _number(found.scores[place]),
            "likely": bool(found.likely[place]),
            "given_probability": _number(found.given_probability[place]),
            "suggested_probability": _number(found.suggested_probability[place]),
            "fits_no_class": bool(found.outliers[place]),
            "not_judged": found.why_not_judged(place) or None,
            "split": labelled.splits[place] or None,
            **_neighbours("given", evidence.given_neighbours if evidence else ()),
            **_neighbours("suggested", evidence.suggested_neighbours if evidence else ()),
        }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _neighbours(name: str, neighbours: Sequence[Any]) -> dict[str, Any]:
    return {f"{name}_neighbours": [near.row for near in neighbours], f"{name}_similarities": [near.similarity for near in neighbours]}
