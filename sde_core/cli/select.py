"""`sde select`: propose a subset, write it, accept it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from sde_core.cli.common import cache_folder, data_options, emit_json, journal_if_any, json_option, stderr_progress, talk
from sde_core.cli.rule_options import RuleRequest, quality_options, rule_request_options
from sde_core.cli.select_options import Request, params_of, request_options
from sde_core.cli.select_text import METHODS, list_picks, talk_coverage, talk_labels, talk_selection
from sde_core.dataset import Dataset
from sde_core.errors import UsageError
from sde_core.export import export_rows, manifest_path
from sde_core.features.embedding import PARTS, Part, embed_rows
from sde_core.project import Project
from sde_core.proposal import (
    COVERAGE_SAMPLE,
    NO_QUALITY,
    QUALITY_BY_RULES,
    RowQuality,
    proposed,
    quality_by_rules,
    quality_by_weights,
    quality_from_file,
    row_features,
    selection_reason,
)
from sde_core.select import Coverage, Selection, coverage_of
from sde_core.select.clusters import clusters_of
from sde_core.visible import visible

if TYPE_CHECKING:
    from sde_core.decisions import Journal

_EPILOG = f"""\b
Methods:
{METHODS}

\b
The kernel of dpp is L = Diag(e^(αr))·S·Diag(e^(αr)) with
S = (XXᵀ + λI)/(1 + λ), λ = 0.01, X the unit-norm embeddings, r the quality
less its mean over 4 standard deviations, and α = θ/(2(1 − θ)), θ the balance.
S has full rank, so N may exceed the embedding's dimension. The gain of a pick
is the difference that it makes to log det L.

\b
kcenter also tells the covering radius. facility raises Σ_i max_j s_ij over
the chosen j, s the cosine similarity. deita takes rows by falling quality,
each only if no row taken is more similar than S. semdedup drops a row that is
more similar than S = 1 − ε to one before it in its cluster; of the others it
takes the best. car makes ⌊√(n/2)⌋ clusters (k-means on the principal
components of 95 % of the variance), but no more than rows are wanted. L(y|x)
and L(y) are the losses of an answer with and without its instruction, as
measured by sde ifd.

\b
Every method gives the same rows for a seed, on any number of threads.
Rejected rows and rows that cannot be read are never chosen. Where a method
finds too few rows by its own rule, the next best fill up and say so.

\b
Examples:
  sde select data.jsonl -k 500 -o subset.jsonl
  sde select data.jsonl -k 10% --balance 0.8 --lock 3,7 --ban 40-52
  sde select data.jsonl -k 500 --method stratified --json
  sde select data.jsonl -k 500 --quality scores.parquet --accept
  sde select data.jsonl --tokens 200k --method deita --max-similarity 0.8
  sde select data.jsonl -k 500 --quota-by class --quota-split equal
  sde select data.jsonl -k 300 --quota yes=2,no=1 --like 17 --dislike 4,90
  sde rules truth data.jsonl --fit --weights weights.json && \\
      sde select data.jsonl -k 500 --quality weights.json
  sde ifd data.jsonl --model ./small && \\
      sde select data.jsonl -k 10% --method ifd --model ./small"""


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where quality, embeddings, tokens, sources and losses come from."""

    quality: RowQuality
    encoder: str
    part: Part
    model: str
    source_field: str
    estimate_tokens: bool
    with_topics: bool = False


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A selection and what it was made from."""

    selection: Selection
    coverage: Coverage
    encoder: str
    quality: RowQuality
    token_source: str
    readable: int

    def origin(self) -> dict[str, Any]:
        """Encoder, source of quality and of token counts, as JSON and manifest hold them."""
        labels = {"labels": self.quality.labels} if self.quality.labels else {}
        known = {"source": self.quality.source, "rules": self.quality.rules, "weights": self.quality.weights, **labels}
        source = known if self.quality.values is not None else None
        return {"encoder": self.encoder, "quality": source, "token_source": self.token_source or None}


@click.command("select", epilog=_EPILOG)
@data_options
@request_options
@click.option("--quality", "quality_source", default=QUALITY_BY_RULES, show_default=True, metavar="rules|FILE|none",
              help="The mean of chosen rules, weighed as sde rules choose says; the columns row and quality of a Parquet file; rules by the "
                   "weights of a JSON file, as sde rules truth --fit --weights writes it; or none.")  # fmt: skip
@click.option("--rules", "rule_names", metavar="NAME,…", default="", help="Quality is the mean of just these rules.")
@rule_request_options
@click.option("--encoder", default="static", show_default=True, help="static, or a sentence-transformers model by name or folder.")
@click.option("--embed", "part", type=click.Choice(PARTS), default="row", show_default=True, help="What is embedded.")
@click.option("--model", default="", help="Whose losses of answers ifd and superfiltering use; as given to sde ifd.")
@click.option("--source-field", default="", metavar="FIELD", help="The field that quotas by source go by; else files, splits, or a field so named.")
@click.option("--estimate-tokens", is_flag=True, help="Take 4 characters for a token rather than the tokenizer of the recipe's model.")
@click.option("--coverage", "with_topics", is_flag=True, help="Tell the shares of topics too, which are found first.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the rows here in file order, beside a manifest.")
@click.option("--accept", is_flag=True, help="Accept the rows as one decision that can be undone.")
@json_option
def command(
    dataset: Dataset, quality_source: str, rule_names: str, rule_request: RuleRequest, encoder: str, part: Part, model: str, source_field: str,
    estimate_tokens: bool, with_topics: bool, output: Path | None, accept: bool, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Propose N rows of DATA that are good and unlike each other, and say why each.

    Without -o, --accept and --json the picks are listed on stdout, best first.
    """
    with stderr_progress("reading", "rows" if dataset.complete else "bytes") as progress:
        dataset.texts(progress=progress)
    with journal_if_any(dataset, writing=accept) as journal:
        quality = _quality(dataset, quality_source, tuple(name for name in rule_names.split(",") if name), rule_request)
        proposal = _propose(dataset, Request(**asked), _Sources(quality, encoder, part, model, source_field, estimate_tokens, with_topics), journal)
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
        list_picks(proposal.selection)
    if output is not None:
        talk(f"{len(proposal.selection.picks):,} of {proposal.selection.candidates:,} rows written to {visible(str(output))}")
        talk(f"How they were chosen: {visible(str(manifest_path(output)))}")
    talk_selection(proposal.selection, proposal.token_source)
    talk_coverage(proposal.coverage)


def _propose(dataset: Dataset, request: Request, sources: _Sources, journal: Journal | None) -> _Proposal:
    from sde_core.evaluate.wanted_facts import with_wanted_facts

    with stderr_progress("embedding", "texts") as progress:
        matrix = embed_rows(dataset, sources.encoder, part=sources.part, cache_dir=cache_folder(dataset), progress=progress)
    features = row_features(dataset, matrix.vectors, sources.quality)
    params = params_of(request, features, len(dataset), journal)
    with stderr_progress("reading more") as progress:
        features = with_wanted_facts(
            features, params, dataset, Project.of(dataset.path), model=sources.model, source_field=sources.source_field,
            estimate_tokens=sources.estimate_tokens, progress=progress,
        )  # fmt: skip
    with stderr_progress("choosing") as progress:
        selection = proposed(features, params, progress=progress)
    clusters = clusters_of(features.vectors, dataset.texts()["prompt"]) if sources.with_topics else None
    coverage = coverage_of(features, selection, sample=COVERAGE_SAMPLE, clusters=clusters)
    return _Proposal(selection, coverage, matrix.encoder, sources.quality, features.token_source, len(features.rows))


def _quality(dataset: Dataset, source: str, rules: Sequence[str], request: RuleRequest) -> RowQuality:
    texts = dataset.texts()
    rows = texts["row"].to_numpy().astype(np.int64)
    if rules and source != QUALITY_BY_RULES:
        raise UsageError("--rules and --quality name two sources of quality.", "Give one of the two.")
    if source == NO_QUALITY:
        return RowQuality(None, rows, NO_QUALITY)
    if Path(source).suffix.lower() == ".json":
        options = quality_options(dataset, request)
        with stderr_progress("scoring") as progress:
            found = quality_by_weights(texts, Path(source), book=options["book"], project=options["project"], progress=progress)
        talk_labels(found.rules, found.labels)
        return found
    if source != QUALITY_BY_RULES:
        return quality_from_file(Path(source), rows)
    with stderr_progress("scoring") as progress:
        return quality_by_rules(texts, rules, **quality_options(dataset, request), progress=progress)


def _export(dataset: Dataset, proposal: _Proposal, output: Path, journal: Journal | None) -> None:
    selection, by_reason = proposal.selection, {} if journal is None else journal.state.counts_by_reason()
    rejected = np.empty(0, dtype=np.int64) if journal is None else journal.state.rejected_rows()
    unreadable = len(np.setdiff1d(rejected, dataset.texts()["row"].to_numpy()))
    malformed = len(dataset) - proposal.readable - unreadable
    unchosen = len(dataset) - malformed - len(selection.picks) - len(rejected)
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
