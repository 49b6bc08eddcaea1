"""`sde dups`: duplicates as groups with a keeper."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from sde_core.checks.duplicates import (
    KEEP_POLICIES,
    KINDS,
    NEAR_DEFAULT,
    PARTS,
    POLICY_WORDS,
    SEMANTIC_DEFAULT,
    DuplicateIndex,
    DuplicateParams,
    GroupTable,
    KeepPolicy,
    KeptGroups,
    Part,
    drop_reasons,
    find_duplicates,
    semantic_duplicates,
)
from sde_core.cli.common import cache_folder, data_options, emit_json, journal_if_any, json_option, stderr_progress, talk, talk_of_decision
from sde_core.cli.leaks import AgainstOptions, against_options, report_leaks
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.visible import visible
from sde_core.wording import count_of

if TYPE_CHECKING:
    from sde_core.decisions import Journal

_MEMBERS_SHOWN, _EXCERPT = 6, 63
_EPILOG = f"""\b
Kinds, each holding the groups of those before it:
  exact       the same texts, labels and structured fields (tools, …); ids and
              dates may differ
  normalised  the same words but for case, white space and punctuation
  near        the words that say most are the same and in the same order: rare
              words, numbers and names weigh more; each pair is verified
  semantic    cosine of the embeddings of at least --semantic

\b
JSON: {{"groups":[{{"kind","rows","keep","score"}}]}}; keep is the row of
rows that stays, score the weakest link that holds the group together.

\b
Examples:
  sde dups data.jsonl
  sde dups data.jsonl --near 0.6 --semantic {SEMANTIC_DEFAULT:g} --part prompt
  sde dups data.jsonl --keep longest --apply
  sde dups data.jsonl --json | jq '.groups | length'
  sde dups train.jsonl --against test.jsonl --against 'benchmarks/*.jsonl'"""


@click.command("dups", epilog=_EPILOG)
@data_options
@click.option("--near", type=click.FloatRange(0.5, 1), default=NEAR_DEFAULT, show_default=True, metavar="S", help="Least similarity.")
@click.option(
    "--semantic",
    type=click.FloatRange(0.5, 1),
    metavar="C",
    help=f"Semantic duplicates too: least cosine; {SEMANTIC_DEFAULT:g} is usual.",
)
@click.option(
    "--encoder", default="static", show_default=True, metavar="MODEL", help="Embeds the rows for --semantic: static, or a model's name or folder."
)
@click.option("--part", type=click.Choice(PARTS), default=PARTS[0], show_default=True, help="What is compared.")
@click.option("--keep", "policy", type=click.Choice(KEEP_POLICIES), default=KEEP_POLICIES[0], show_default=True, help="Which row of a group stays.")
@against_options
@click.option("--apply", "apply_", is_flag=True, help="Reject the others, as one decision that can be undone.")
@click.option("--show", default=4, show_default=True, metavar="N", help="Groups of each kind to print; --json prints all.")
@json_option
def command(
    dataset: Dataset,
    near: float,
    semantic: float | None,
    encoder: str,
    part: Part,
    policy: KeepPolicy,
    against: AgainstOptions,
    apply_: bool,
    show: int,
    as_json: bool,
) -> None:
    """Find duplicates in DATA: exact, normalised, near and, with --semantic, by meaning.

    Rows that were rejected before are left out; of the others, rows that were accepted are kept first.
    With --against the rows are compared with those of other files instead: held-out rows and benchmarks that must not be trained on.
    """
    if against.files:
        if semantic is not None or part != PARTS[0] or policy != KEEP_POLICIES[0]:
            raise UsageError("--semantic, --part and --keep mean nothing beside --against.", "Rows and prompts are both compared; no row is kept.")
        report_leaks(dataset, against, near, apply_, show, as_json)
        return
    params = DuplicateParams(part=part)
    params = replace(params, semantic_floor=min(params.semantic_floor, semantic or 1.0))
    with stderr_progress("comparing") as progress:
        index = find_duplicates(dataset, params, progress=progress)
    if semantic is not None:
        with stderr_progress("embedding and comparing") as progress:
            index = semantic_duplicates(index, dataset, encoder, cache_dir=cache_folder(dataset), progress=progress)
    table = index.groups(near, semantic)
    with journal_if_any(dataset, writing=apply_) as journal:
        keeping = _Keeping(index, policy, _quality(dataset, policy), journal)
        table = keeping.undecided(table)
        outer = keeping.groups(table.outer())
        if as_json:
            emit_json({"groups": [group for kind in KINDS for group in _listed(index, keeping.groups(table.of_kind(kind)))]})
        else:
            _print(index, table, outer, policy, show)
        if index.semantic_warning:
            talk(f"Do not trust the semantic groups. {visible(index.semantic_warning)}")
        if apply_ and journal is not None:
            _apply(journal, index, outer, policy, dataset)


class _Keeping:
    """Chooses keepers by the policy and the decisions made so far."""

    def __init__(self, index: DuplicateIndex, policy: KeepPolicy, quality: npt.NDArray[np.float32] | None, journal: Journal | None) -> None:
        self._index, self._policy, self._quality = index, policy, quality
        self._rejected = journal.state.rejected_rows() if journal else np.empty(0, np.int64)
        self._accepted = journal.state.accepted_rows().tolist() if journal else []

    def undecided(self, table: GroupTable) -> GroupTable:
        return table.without(np.isin(self._index.rows, self._rejected)) if len(self._rejected) else table

    def groups(self, table: GroupTable) -> KeptGroups:
        return self._index.kept(table, self._policy, self._quality, accepted=self._accepted)


def _quality(dataset: Dataset, policy: KeepPolicy) -> npt.NDArray[np.float32] | None:
    if policy != "quality":
        return None
    from sde_core.cli.rule_options import quality_options
    from sde_core.proposal import quality_by_rules

    with stderr_progress("scoring") as progress:
        values = quality_by_rules(dataset.texts(), **quality_options(dataset), progress=progress).values
    return np.zeros(dataset.texts().height, np.float32) if values is None else values


def _listed(index: DuplicateIndex, kept: KeptGroups) -> list[dict[str, Any]]:
    rows = index.rows[kept.members].tolist()
    spans = zip(kept.kinds.tolist(), kept.scores.tolist(), kept.starts[:-1].tolist(), kept.starts[1:].tolist(), strict=True)
    return [
        {"kind": KINDS[kind], "rows": sorted(rows[start:stop]), "keep": rows[start], "score": round(score, 4)} for kind, score, start, stop in spans
    ]


def _print(index: DuplicateIndex, table: GroupTable, outer: KeptGroups, policy: KeepPolicy, show: int) -> None:
    thresholds = {"near": f"similarity ≥ {table.near:.2f}", "semantic": f"cosine ≥ {table.semantic or 0:.2f}"}
    for kind in KINDS:
        if kind == "semantic" and table.semantic is None:
            click.echo(f"{kind:<12}not computed (--semantic {SEMANTIC_DEFAULT:g})")
            continue
        groups = table.of_kind(kind)
        click.echo(f"{kind:<12}{len(groups):>7,} groups {int(groups.sizes.sum()):>8,} rows  {thresholds.get(kind, '')}".rstrip())
    click.echo(f"Keeping the row that {POLICY_WORDS[policy]} drops {len(outer.dropped):,} of {count_of(len(index.rows), 'row')}.")
    for number, kind in enumerate(KINDS):
        groups_of_kind = np.flatnonzero(outer.kinds == number).tolist()
        for group in groups_of_kind[:show]:
            _print_group(index, outer, group)
        if len(groups_of_kind) > show:
            click.echo(f"\n… and {len(groups_of_kind) - show:,} more {kind} groups, in no looser group (--show {len(groups_of_kind)}, or --json).")


def _print_group(index: DuplicateIndex, kept: KeptGroups, group: int) -> None:
    one = kept.only(group)
    click.echo(f"\n{KINDS[int(one.kinds[0])]} · {len(one.members)} rows · weakest link {one.scores[0]:.2f}")
    for place, (position, kind, score) in enumerate(zip(one.members.tolist(), one.link_kinds.tolist(), one.link_scores.tolist(), strict=True)):
        if place == _MEMBERS_SHOWN:
            click.echo(f"  … and {len(one.members) - place:,} more rows")
            return
        link = "keep" if place == 0 else f"{score:.2f}" if kind > 1 else "same"
        click.echo(f"  {link:<5}{index.rows[position]:>8}  {visible(index.compared.texts[position], _EXCERPT)}")


def _apply(journal: Journal, index: DuplicateIndex, outer: KeptGroups, policy: KeepPolicy, dataset: Dataset) -> None:
    rows, reasons = drop_reasons(outer, index.rows, policy)
    if not rows:
        talk("Nothing to drop.")
        return
    decision = journal.reject(rows, reasons)
    talk_of_decision(decision, dataset)
