"""`sde select`: propose a subset, write it, accept it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from sde_core.cli.common import cache_folder, data_options, emit_json, journal_if_any, json_option, parsed_rows, stderr_progress, talk
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.export import export_rows, manifest_path
from sde_core.features.embedding import PARTS, Part, embed_rows
from sde_core.proposal import (
    COVERAGE_SAMPLE,
    NO_QUALITY,
    QUALITY_BY_RULES,
    RowQuality,
    proposed,
    quality_by_rules,
    quality_from_file,
    row_features,
    selection_reason,
)
from sde_core.select import (
    DEFAULT_BALANCE,
    DEFAULT_MAX_SIMILARITY,
    SELECTORS,
    Coverage,
    RowFeatures,
    Selection,
    SelectionParams,
    coverage_of,
    rows_wanted,
)
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.decisions import Journal

_METHODS = "\n".join(
    textwrap.fill(selector.definition, 78, initial_indent=f"  {selector.name:<11}", subsequent_indent=" " * 13) for selector in SELECTORS
)
_EPILOG = f"""\b
Methods:
{_METHODS}

\b
The kernel of dpp is L = Diag(e^(αr))·S·Diag(e^(αr)) with
S = (XXᵀ + λI)/(1 + λ), λ = 0.01, X the unit-norm embeddings, r the quality
less its mean over 4 standard deviations, and α = θ/(2(1 − θ)), θ the balance.
S has full rank, so N may exceed the embedding's dimension. The gain of a pick
is the difference that it makes to log det L. dpp and kcenter are
deterministic; the seed breaks exact ties only. Rejected rows and rows that
cannot be read are never chosen.

\b
Examples:
  sde select data.jsonl -k 500 -o subset.jsonl
  sde select data.jsonl -k 10% --balance 0.8 --lock 3,7 --ban 40-52
  sde select data.jsonl -k 500 --method stratified --json
  sde select data.jsonl -k 500 --quality scores.parquet --accept"""


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for, as it was asked."""

    size: str
    method: str
    balance: float
    max_similarity: float
    seed: int
    locked: tuple[str, ...]
    lock_accepted: bool
    banned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A selection and what it was made from."""

    selection: Selection
    coverage: Coverage
    encoder: str
    quality: RowQuality
    readable: int

    def origin(self) -> dict[str, Any]:
        """Encoder and source of quality, as JSON and manifest hold them."""
        source = {"source": self.quality.source, "rules": self.quality.rules} if self.quality.values is not None else None
        return {"encoder": self.encoder, "quality": source}


_METHOD_NAMES = [selector.name for selector in SELECTORS]


@click.command("select", epilog=_EPILOG)
@data_options
@click.option("-k", "--size", required=True, metavar="N|N%", help="Rows in all, locked ones counted; N% is of the rows not rejected or banned.")
@click.option("--method", type=click.Choice(_METHOD_NAMES), default=_METHOD_NAMES[0], show_default=True, help="See below.")
@click.option("--balance", type=click.FloatRange(0, 1), default=DEFAULT_BALANCE, show_default=True, metavar="θ",
              help="0 diversity alone, 1 quality alone (dpp).")  # fmt: skip
@click.option("--max-similarity", type=click.FloatRange(0, 1, min_open=True), default=DEFAULT_MAX_SIMILARITY, show_default=True, metavar="S",
              help="Pass over rows more similar than this to a chosen one while any other is left; 1 for never (dpp).")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Drives the random methods; breaks exact ties of the others.")
@click.option("--quality", "quality_source", default=QUALITY_BY_RULES, show_default=True, metavar="rules|FILE.parquet|none",
              help="The mean of the rules chosen as most independent, or the columns row and quality of a file, or none.")  # fmt: skip
@click.option("--rules", "rule_names", metavar="NAME,…", default="", help="Quality is the mean of just these rules.")
@click.option("--encoder", default="static", show_default=True, help="static, or a sentence-transformers model by name or folder.")
@click.option("--embed", "part", type=click.Choice(PARTS), default="row", show_default=True, help="What is embedded.")
@click.option("--lock", "locked", multiple=True, metavar="ROWS", help="Rows that are always in, as 3,7,10-20; repeatable.")
@click.option("--lock-accepted", is_flag=True, help="Rows accepted before are always in.")
@click.option("--ban", "banned", multiple=True, metavar="ROWS", help="Rows that are never in; repeatable.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the rows here in file order, beside a manifest.")
@click.option("--accept", is_flag=True, help="Accept the rows as one decision that can be undone.")
@json_option
def command(
    dataset: Dataset, quality_source: str, rule_names: str, encoder: str, part: Part, output: Path | None, accept: bool, as_json: bool, **asked: Any
) -> None:
    """Propose N rows of DATA that are good and unlike each other, and say why each.

    Without -o, --accept and --json the picks are listed on stdout, best first.
    """
    with stderr_progress("reading", "rows" if dataset.complete else "bytes") as progress:
        dataset.texts(progress=progress)
    with journal_if_any(dataset, writing=accept) as journal:
        quality = _quality(dataset, quality_source, tuple(name for name in rule_names.split(",") if name))
        proposal = _propose(dataset, _Request(**asked), quality, encoder, part, journal)
        if output is not None:
            _export(dataset, proposal, output, journal)
        if accept and journal is not None:
            _accept(journal, proposal.selection, as_json)
    if as_json:
        selection = proposal.selection
        emit_json({"rows": sorted(selection.rows), **selection.to_json(), **proposal.origin(), "coverage": proposal.coverage.to_json(),
                   "output": output and str(output)})  # fmt: skip
        return
    if output is None and not accept:
        _list_picks(proposal.selection)
    if output is not None:
        talk(f"{len(proposal.selection.picks):,} of {proposal.selection.candidates:,} rows written to {visible(str(output))}")
        talk(f"How they were chosen: {visible(str(manifest_path(output)))}")
    _talk_coverage(proposal.coverage)


def _propose(dataset: Dataset, request: _Request, quality: RowQuality, encoder: str, part: Part, journal: Journal | None) -> _Proposal:
    with stderr_progress("embedding", "texts") as progress:
        matrix = embed_rows(dataset, encoder, part=part, cache_dir=cache_folder(dataset), progress=progress)
    features = row_features(dataset, matrix.vectors, quality)
    params = _params(request, dataset, features, journal)
    with stderr_progress("choosing") as progress:
        selection = proposed(features, params, progress=progress)
    return _Proposal(selection, coverage_of(features, selection, sample=COVERAGE_SAMPLE), matrix.encoder, quality, len(features.rows))


def _quality(dataset: Dataset, source: str, rules: Sequence[str]) -> RowQuality:
    texts = dataset.texts()
    rows = texts["row"].to_numpy().astype(np.int64)
    if rules and source != QUALITY_BY_RULES:
        raise UsageError("--rules and --quality name two sources of quality.", "Give one of the two.")
    if source == NO_QUALITY:
        return RowQuality(None, rows, NO_QUALITY)
    if source != QUALITY_BY_RULES:
        return quality_from_file(Path(source), rows)
    with stderr_progress("scoring") as progress:
        return quality_by_rules(texts, rules, progress=progress)


def _params(request: _Request, dataset: Dataset, features: RowFeatures, journal: Journal | None) -> SelectionParams:
    rejected = set() if journal is None else set(map(int, journal.state.rejected_rows()))
    locked = set(parsed_rows(request.locked, len(dataset))) if request.locked else set()
    banned = set(parsed_rows(request.banned, len(dataset))) if request.banned else set()
    both = locked & rejected
    if both:
        raise UsageError(f"Row {min(both)} is locked but was rejected.", f"Take the rejection back first: sde decide DATA clear {min(both)}")
    if request.lock_accepted and journal is not None:
        locked |= set(map(int, journal.state.accepted_rows())) & set(features.rows.tolist())
    available = len(features.rows) - len((banned | rejected) & set(features.rows.tolist()))
    return SelectionParams(
        k=rows_wanted(request.size, available),
        method=request.method,
        seed=request.seed,
        balance=request.balance,
        locked=tuple(sorted(locked)),
        banned=tuple(sorted(banned | rejected)),
        max_similarity=request.max_similarity,
    )


def _export(dataset: Dataset, proposal: _Proposal, output: Path, journal: Journal | None) -> None:
    selection, by_reason = proposal.selection, {} if journal is None else journal.state.counts_by_reason()
    unchosen = proposal.readable - len(selection.picks) - sum(by_reason.values())
    malformed = len(dataset) - proposal.readable
    left_out = {**by_reason, "not selected": unchosen, **({"malformed": malformed} if malformed else {})}
    parameters = {"selection": {**asdict(selection.params), "kernel": selection.kernel, **proposal.origin()}}
    head = "" if journal is None else journal.head
    export_rows(dataset, sorted(selection.rows), output, left_out=left_out, decisions_head=head, parameters=parameters)


def _accept(journal: Journal, selection: Selection, quiet: bool) -> None:
    others = len(set(map(int, journal.state.accepted_rows())) - set(selection.rows))
    decision = journal.accept(sorted(selection.rows), selection_reason(selection.params))
    if not quiet:
        talk(f"#{decision.seq} {visible(decision.summary())}.")
    if others:
        talk(f"{others:,} rows accepted before are not in this subset and stay accepted.")


def _list_picks(selection: Selection) -> None:
    click.echo("rank\trow\tquality\tgain\tnearest\tsimilarity\twhy")
    for rank, pick in enumerate(selection.picks, start=1):
        quality = "" if pick.quality is None else f"{pick.quality:.4f}"
        nearest = "\t" if pick.nearest_similarity is None else f"{pick.nearest_row}\t{pick.nearest_similarity:.4f}"
        click.echo(f"{rank}\t{pick.row}\t{quality}\t{pick.gain:.6f}\t{nearest}\t{visible(pick.reason)}")


def _talk_coverage(coverage: Coverage) -> None:
    talk(f"{'':<12}{'rows':>9}{'classes':>9}{'quality':>9}{'spread':>8}{'distance':>10}{'radius':>8}")
    for name, profile in (("all", coverage.full), ("chosen", coverage.proposal), (f"random {coverage.seed}", coverage.random)):
        classes = sum(count > 0 for _, count in profile.classes)
        quality = "" if profile.mean_quality is None else f"{profile.mean_quality:.3f}"
        spread = "" if profile.spread is None else f"{profile.spread:.3f}"
        talk(f"{name:<12}{profile.rows:>9,}{classes or '':>9}{quality:>9}{spread:>8}{profile.mean_distance:>10.3f}{profile.covering_radius:>8.3f}")
    talk("spread: mean cosine distance of a chosen row to the nearest other; distance: of a row left out to the nearest chosen; radius: the largest")
    if coverage.measured_rows is not None:
        talk(f"distance and radius on a sample of {coverage.measured_rows:,} rows left out, seed {coverage.seed}; the radius may be larger")
