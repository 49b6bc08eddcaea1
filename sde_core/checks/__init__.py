"""What is wrong with a dataset: checks, their findings and the safe fixes.

`CHECKS` lists every check by module and class, so that importing this package loads none of them. A new check is one file and one line here.
Check kinds are told apart by their method: `inspect` (a record), `faults` (a text), `run` (the whole dataset); see `sde_core.checks.findings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sde_core.progress import NEVER, Cancel, Progress, silent

if TYPE_CHECKING:
    from sde_core.checks.report import CheckReport
    from sde_core.dataset import Dataset

CHECKS: tuple[str, ...] = (
    "sde_core.checks.formats.lines:BadLines",
    "sde_core.checks.formats.schema:Fields",
    "sde_core.checks.formats.schema:ChangedTypes",
    "sde_core.checks.formats.drift:FieldDrift",
    "sde_core.checks.formats.turns:EmptyTexts",
    "sde_core.checks.formats.turns:UnknownRoles",
    "sde_core.checks.formats.turns:RoleOrder",
    "sde_core.checks.formats.turns:LastTurn",
    "sde_core.checks.formats.turns:RepeatedTurns",
    "sde_core.checks.formats.turns:EqualPreference",
    "sde_core.checks.formats.tool_calls:ToolCalls",
    "sde_core.checks.formats.preference:UnlikePrompts",
    "sde_core.checks.formats.preference:LengthBias",
    "sde_core.checks.formats.preference:OneSidedMarks",
    "sde_core.checks.formats.characters:ControlCharacters",
    "sde_core.checks.formats.characters:Mojibake",
    "sde_core.checks.formats.characters:LostCharacters",
    "sde_core.checks.formats.characters:InvisibleCharacters",
    "sde_core.checks.formats.markers:SpecialTokens",
    "sde_core.checks.formats.template_text:TemplateText",
    "sde_core.checks.formats.markers:Placeholders",
    "sde_core.checks.formats.markers:UnfilledSlots",
    "sde_core.checks.formats.markers:UnclosedFences",
    "sde_core.checks.formats.markers:OuterWhitespace",
    "sde_core.checks.formats.characters:LineEnds",
    "sde_core.checks.formats.json_answers:JsonAnswers",
    "sde_core.checks.formats.label_spelling:AnswerLabels",
    "sde_core.checks.formats.mixed_styles:MixedDates",
    "sde_core.checks.formats.mixed_styles:MixedNumbers",
    "sde_core.checks.formats.mixed_styles:MixedUnits",
    "sde_core.checks.formats.mixed_styles:MixedQuotes",
    "sde_core.checks.formats.mixed_styles:MixedBullets",
    "sde_core.checks.formats.mixed_styles:MixedMarkdown",
    "sde_core.checks.formats.prompts:MissingSystem",
    "sde_core.checks.formats.system_prompts:MixedSystem",
    "sde_core.checks.formats.prompts:OddPrompts",
    "sde_core.checks.answers.truncated:TruncatedAnswers",
    "sde_core.checks.answers.shapes:OddAnswers",
    "sde_core.checks.answers.loops:RepetitionLoops",
    "sde_core.checks.answers.echo:PromptEchoes",
    "sde_core.checks.answers.merged:MergedTasks",
    "sde_core.checks.answers.wrong_language:WrongLanguage",
    "sde_core.checks.answers.absent:MissingInput",
    "sde_core.checks.answers.absent:UnseenSource",
    "sde_core.checks.answers.absent:PretendedAttachment",
    "sde_core.checks.answers.details:UngroundedDetails",
    "sde_core.checks.answers.arithmetic:WrongArithmetic",
    "sde_core.checks.answers.code:BrokenPython",
    "sde_core.checks.answers.code:BrokenJson",
    "sde_core.checks.answers.sensitive:PersonalData",
    "sde_core.checks.answers.sensitive:Secrets",
    "sde_core.checks.answers.phrases:Boilerplate",
    "sde_core.checks.answers.phrases:Promises",
    "sde_core.checks.answers.phrases:Refusals",
    "sde_core.checks.duplicates.findings:Duplicates",
    "sde_core.checks.duplicates.findings:Contradictions",
    "sde_core.checks.balance_findings:Labels",
)  # fmt: skip
"""Order is the order of findings of one severity."""


def run_checks(
    dataset: Dataset,
    only: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    *,
    cancel: Cancel = NEVER,
    progress: Progress = silent,
    on_step: Callable[[str], None] | None = None,
    workers: int | None = None,
    cache_dir: Path | None = None,
    anew: bool = False,
) -> CheckReport:
    """Runs checks over all rows of a dataset.

    Args:
        dataset: Read to its end by this.
        only: Names of the checks to run; all by default.
        params: Thresholds by name, where a default does not suit.
        cancel: Looked at every few thousand rows.
        progress: Called with rows: the share of all work that is done, of the rows of the dataset.
        on_step: Called with a few words about what is done now.
        workers: How many other processes help; by default as many as there are other cores, where the file is large.
        cache_dir: Where the reports of earlier runs are kept; a report of the very same content, edits, checks and thresholds comes from there.
        anew: Check even where the cache has the report, and keep the new one.

    Raises:
        UsageError: When `only` names a check that does not exist.
        CancelledError: When stopped.
    """
    from sde_core.checks.runner import run

    run_all = partial(run, dataset, only, dict(params or {}), cancel=cancel, progress=progress, on_step=on_step, workers=workers)
    if cache_dir is None:
        return run_all()
    from sde_core.checks.report_cache import cached_report, keep_report, report_key
    from sde_core.dataset.content_cache import are_unchanged

    dataset.read_all(cancel=cancel)
    key = report_key(dataset, only, params or {})
    report = None if anew else cached_report(cache_dir, key)
    if report is None:
        report = run_all()
        if dataset.files and are_unchanged(*dataset.files):
            keep_report(cache_dir, key, report)
    return report


def cached_checks(dataset: Dataset, cache_dir: Path, *, params: Mapping[str, Any] | None = None, cancel: Cancel = NEVER) -> CheckReport | None:
    """What an earlier run of all checks found in the very same content with the same edits and thresholds; None where it is not known.

    Raises:
        CancelledError: When stopped.
    """
    from sde_core.checks.report_cache import cached_report, has_reports, report_key

    if not has_reports(cache_dir):
        return None
    dataset.read_all(cancel=cancel)
    return cached_report(cache_dir, report_key(dataset, (), params or {}))
