"""The report that people pass around: one page in Markdown, or the same as JSON or SARIF."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson

from sde_core.checks.config import row_key
from sde_core.checks.findings import SEVERITIES, Finding
from sde_core.checks.report import HARM, CheckReport
from sde_core.checks.sarif import sarif_log
from sde_core.dataset import Dataset
from sde_core.dataset.json_text import encodable
from sde_core.errors import UsageError
from sde_core.files import atomic_write
from sde_core.visible import visible
from sde_core.wording import count_of

ReportFormat = Literal["markdown", "json", "sarif"]
_SUFFIXES: dict[str, ReportFormat] = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".sarif": "sarif"}
_EXAMPLES = 2
_MESSAGE, _EVIDENCE = 200, 160
_MARKUP = re.compile(r"([\\`*_\[\]<>&|~#])")

DAMAGE_WORDS = (
    "Damage is the sum over the rows touched of severity × certainty: "
    + ", ".join(f"{severity} {harm:g}" for severity, harm in HARM.items())
    + "; certainty is the check's own, 0–1; a row counts once a check, the file as a whole as one row."
)
"""How the list is ranked, in a sentence."""


def report_format(path: Path, asked: str | None = None) -> ReportFormat:
    """The form that the file's name or the user asks for.

    Raises:
        UsageError: When neither says it.
    """
    named = "sarif" if path.name.endswith(".sarif.json") else _SUFFIXES.get(path.suffix.lower())
    chosen = asked or named
    if chosen not in ("markdown", "json", "sarif"):
        raise UsageError(
            f"The name {visible(path.name, 60)!r} does not say in which form the report should be.",
            "End it in .md, .json or .sarif, or give --format.",
        )
    return chosen  # type: ignore[return-value]


def write_report(path: Path, report: CheckReport, dataset: Dataset, form: ReportFormat) -> None:
    """Writes the report whole or not at all.

    Raises:
        ReadOnlyError: When it cannot be written.
    """
    if form == "markdown":
        atomic_write(path, [encodable(markdown_page(report, dataset)).encode()])
    else:
        value = sarif_log(report, dataset) if form == "sarif" else report_json(report, dataset)
        atomic_write(path, [orjson.dumps(encodable_json(value), option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY), b"\n"])


def encodable_json(value: Any) -> Any:
    """A JSON value whose texts are all `encodable`."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable_json(key): encodable_json(inner) for key, inner in value.items()}
    return [encodable_json(inner) for inner in value] if isinstance(value, list | tuple) else value


def report_json(report: CheckReport, dataset: Dataset) -> dict[str, Any]:
    """What `sde check --json` prints, with the ranked list, and the record keys of every finding."""
    keys = dataset.keys()
    actions = [
        {"check": action.check, "title": action.title, "severity": action.severity, "rows": action.rows, "damage": round(action.damage, 3),
         "advice": action.advice, "fix": action.fix}
        for action in report.actions()
    ]  # fmt: skip
    shown = report.to_json(dataset)
    findings = [{**said, "keys": [row_key(int(keys[row])) for row in said["rows"]]} for said in shown["findings"]]
    return {**shown, "actions": actions, "findings": findings}


def markdown_page(report: CheckReport, dataset: Dataset) -> str:
    """What the file is, what is wrong with it, worst first, with examples, and what was silenced."""
    return "\n".join([*_head(report, dataset), *_ranked(report), *_examples(report, dataset), *_silenced(report), *_way_on(report, dataset)]) + "\n"


def _head(report: CheckReport, dataset: Dataset) -> Iterator[str]:
    layout = dataset.layout
    roles = ", ".join(f"{role} = {field}" if role != field else role for role, field in layout.roles.items())
    counts = ", ".join(f"{sum(finding.severity == name for finding in report.findings):,} {name}" for name in SEVERITIES)
    yield f"# {_plain(dataset.name)}: what is wrong with it"
    yield ""
    yield f"- File: {_code(dataset.path, 300)} ({dataset.format}, {report.rows:,} rows, {report.bad_lines:,} of them malformed)"
    yield f"- Layout: {_plain(f'{layout.name}: {roles}' if roles else layout.name)}"
    yield f"- Content: `{dataset.fingerprint}`"
    yield f"- Checks: {len(report.checks)} ran; {len(report.findings):,} findings ({counts}); {len(report.silenced):,} silenced"
    if report.cached_at:
        yield f"- Computed {time.strftime('%Y-%m-%d %H:%M', time.localtime(report.cached_at))}, taken from the cache"


def _ranked(report: CheckReport) -> Iterator[str]:
    yield from ("", "## What to do, worst first", "")
    actions = report.actions()
    if not actions:
        yield "Nothing was found."
        return
    yield from ("| damage | rows | severity | what is wrong | what to do | check |", "|---:|---:|---|---|---|---|")
    for action in actions:
        rows = f"{action.rows:,}" if action.rows else "the file"
        said = (_plain(action.title), _plain(action.advice) or "Look at the rows and decide.", f"`{action.check}`")
        yield f"| {action.damage:,.1f} | {rows} | {action.severity} | {' | '.join(said)} |"
    yield from ("", DAMAGE_WORDS)


def _examples(report: CheckReport, dataset: Dataset) -> Iterator[str]:
    actions = report.actions()
    if actions:
        yield from ("", "## Examples", "")
    for action in actions:
        found = report.of(action.check)
        more = f", {_EXAMPLES} of {len(found):,}" if len(found) > _EXAMPLES else ""
        yield f"**{_plain(action.title)}** (`{action.check}`{more})"
        yield ""
        for finding in found[:_EXAMPLES]:
            yield f"- {_where(finding, dataset)}{_plain(finding.message)}  "
            yield f"  {_code(finding.evidence, _EVIDENCE)}"
        yield ""


def _where(finding: Finding, dataset: Dataset) -> str:
    if not finding.rows:
        return ""
    field = f", {_code(finding.field, 60)}" if finding.field else ""
    others = f" and {count_of(len(finding.rows) - 1, 'other')}" if len(finding.rows) > 1 else ""
    return f"row {finding.rows[0]}{others} (line {dataset.line(finding.rows[0])}{field}): "


def _silenced(report: CheckReport) -> Iterator[str]:
    if report.silenced:
        yield from ("## Silenced", "", "| findings | check | reason |", "|---:|---|---|")
        for (check, reason), count in report.silenced_counts.items():
            yield f"| {count:,} | `{check}` | {_plain(reason)} |"
        yield ""


def _way_on(report: CheckReport, dataset: Dataset) -> Iterator[str]:
    fixable = sum(bool(finding.fix) for finding in report.findings)
    yield from ("## How to go on", "")
    if fixable:
        yield f"- {count_of(fixable, 'finding')} with a safe fix: {_code(f'sde fix {dataset.path}', 300)} shows what it would change"
    yield f"- Look at the rows and decide: {_code(f'sde {dataset.path}', 300)}"


def _plain(text: str) -> str:
    """Text as Markdown shows it, whatever signs it holds; on one line."""
    return _MARKUP.sub(r"\\\1", visible(text, _MESSAGE))


def _code(text: str, limit: int) -> str:
    """Text as a code span: nothing in it is markup, whatever it holds; on one line."""
    shown = visible(text, limit)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) or not shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
