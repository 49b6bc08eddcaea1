"""`sde.toml`: what a team agreed on for one dataset: thresholds, what fails a gate, and which findings are silenced, each with a reason.

fail_on = "error"                  # as --fail-on; the command line wins

[thresholds]
near = 0.85                        # see `THRESHOLDS`

[[silence]]
check = "rare-class"
field = "source"                   # these narrow it, and each may stand alone: check, field, rows ("3,10-20"), keys (as in the report)
reason = "three kiosks were opened in May"
"""

from __future__ import annotations

import difflib
import importlib
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sde_core.checks.findings import SEVERITIES, Finding, Severity
from sde_core.errors import InputError, UsageError
from sde_core.files import from_home
from sde_core.visible import visible

CONFIG_NAME = "sde.toml"
THRESHOLDS: Mapping[str, str] = {"near": "least similarity of near-duplicates, 0-1"}
"""Names that `[thresholds]` takes, and what they are."""

_TOP = ("fail_on", "thresholds", "silence")
_SILENCE = ("check", "field", "rows", "keys", "reason")
_HEADER = re.compile(r"^\s*\[\[\s*silence\s*\]\]")
_TABLE = re.compile(r"^\s*\[")
_REASON = re.compile(r"^\s*reason\s*=")
_ROWS = re.compile(r"\s*([0-9]{1,18})\s*(?:-\s*([0-9]{1,18})\s*)?")


@dataclass(frozen=True, slots=True)
class Silence:
    """Findings that somebody looked at and lets stand.

    Attributes:
        reason: Why; never empty.
        check: Name of a check, "" for all.
        field: Field of a finding, "" for all.
        rows: (first, last) positions; none for all rows.
        keys: Record keys (`row_key`), which survive reordering; none for all rows.
        line: Where it stands in the file, 0 where that is not known.
    """

    reason: str
    check: str = ""
    field: str = ""
    rows: tuple[tuple[int, int], ...] = ()
    keys: frozenset[str] = frozenset()
    line: int = 0

    def covers(self, finding: Finding, key_of: Mapping[int, str]) -> bool:
        """Whether it is about this finding: about all of its rows, where it names any."""
        if (self.check and self.check != finding.check) or (self.field and self.field != finding.field):
            return False
        if not (self.rows or self.keys):
            return True
        return bool(finding.rows) and all(self._names(row, key_of.get(row, "")) for row in finding.rows)

    def _names(self, row: int, key: str) -> bool:
        return key in self.keys or any(first <= row <= last for first, last in self.rows)


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """What `sde.toml` says.

    Attributes:
        path: The file, None where there is none.
        fail_on: As `--fail-on`; None where it says nothing.
        params: Thresholds by name.
        silences: In file order; the first that covers a finding counts.
    """

    path: Path | None = None
    fail_on: Severity | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()


def row_key(key: int) -> str:
    """A record key as people write it: 16 hexadecimal digits."""
    return f"{key:016x}"


def find_config(dataset_path: str) -> Path | None:
    """The nearest `sde.toml` beside the data or in a folder above, up to the one that holds `.git`; for a hub name, from the working folder on."""
    data = from_home(dataset_path).absolute()
    start = data if data.is_dir() else data.parent if data.parent.is_dir() else Path.cwd()
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
        if (folder / ".git").exists():
            return None
    return None


def config_for(dataset_path: str, known_checks: Collection[str], path: Path | None = None) -> CheckConfig:
    """The configuration of a dataset: from `path`, or from the file that `find_config` finds; an empty one where there is none."""
    found = path or find_config(dataset_path)
    return read_config(found, known_checks) if found else CheckConfig()


def read_config(path: Path, known_checks: Collection[str]) -> CheckConfig:
    """Reads and validates one file.

    Raises:
        InputError: When it cannot be read or is no TOML.
        UsageError: When it says something that has no meaning; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{visible(str(path), 200)} cannot be read: {error}.", "It should be a text file in UTF-8.") from error
    return parsed_config(text, path, known_checks)


def parsed_config(text: str, path: Path, known_checks: Collection[str]) -> CheckConfig:
    """What a text says, or would say, as the content of a file.

    Raises:
        InputError: When it is no TOML.
        UsageError: When it says something that has no meaning; the message names the line.
    """
    shown = visible(str(path), 200)
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        table = toml.loads(text)
    except toml.TOMLDecodeError as error:
        raise InputError(f"{shown} is not valid TOML: {visible(str(error), 120)}.", "sde check --help shows how it is written.") from error
    return _Reader(shown, text).config(path, table, known_checks)


class _Reader:
    def __init__(self, shown: str, text: str) -> None:
        self._shown, self._lines = shown, text.splitlines()

    def config(self, path: Path, table: Mapping[str, Any], known_checks: Collection[str]) -> CheckConfig:
        self._known("entry", table, _TOP, "")
        fail_on = table.get("fail_on")
        if fail_on not in (None, *SEVERITIES[:2]):
            raise UsageError(f"{self._at(self._line('fail_on'))}: fail_on is {_quoted(fail_on)}.", 'It is "error" or "warning".')
        thresholds = self._table(table.get("thresholds", {}), "thresholds")
        self._known("threshold", thresholds, THRESHOLDS, "", "thresholds")
        wrong = next((name for name, value in thresholds.items() if isinstance(value, bool) or not isinstance(value, int | float)), None)
        if wrong is not None:
            raise UsageError(f"{self._at(self._line(wrong))}: the threshold {wrong} is {_quoted(thresholds[wrong])}.", "It is a number.")
        several = table.get("silence", [])
        if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
            raise UsageError(f"{self._at(self._line('silence'))}: silence is not a list of tables.", "Each begins with a line [[silence]].")
        silences = tuple(self._silence(number, one, known_checks) for number, one in enumerate(several))
        return CheckConfig(path, fail_on, dict(thresholds), silences)

    def _silence(self, number: int, said: Mapping[str, Any], known_checks: Collection[str]) -> Silence:
        line = self._line_of_silence(number)
        where = self._at(line) if line else f"{self._shown}, silence {number + 1}"
        self._known("entry", said, _SILENCE, where)
        for name in ("check", "field", "reason"):
            if not isinstance(said.get(name, ""), str):
                raise UsageError(f"{where}: {name} is {_quoted(said[name])}.", "It is a text.")
        reason, check = said.get("reason", "").strip(), said.get("check", "")
        if not reason:
            at = self._at(self._line_of_reason(line)) if line else where
            raise UsageError(f"{at}: a silence has no reason.", 'Say why the findings may stand: reason = "…".')
        if check and check not in known_checks:
            raise UsageError(f"{where}: there is no check named {_quoted(check)}.", _suggestion(check, known_checks) + "sde check --list names all.")
        rows, keys = self._rows(where, said.get("rows", "")), self._keys(where, said.get("keys", []))
        if not (check or said.get("field") or rows or keys):
            raise UsageError(f"{where}: a silence names nothing.", "Name a check, a field, rows or keys; all findings at once cannot be silenced.")
        return Silence(reason, check, said.get("field", ""), rows, keys, line)

    def _rows(self, where: str, said: Any) -> tuple[tuple[int, int], ...]:
        if isinstance(said, list):
            said = ",".join(map(str, said))
        spans: list[tuple[int, int]] = []
        for word in str(said).split(",") if said != "" else ():
            match = _ROWS.fullmatch(word)
            if match is None or int(match.group(2) or match.group(1)) < int(match.group(1)):
                raise UsageError(f"{where}: {_quoted(word.strip())} is not a row number.", 'Rows are written "3" or "10-20" or "3,7,10-20".')
            spans.append((int(match.group(1)), int(match.group(2) or match.group(1))))
        return tuple(spans)

    @staticmethod
    def _keys(where: str, said: Any) -> frozenset[str]:
        keys = [said] if isinstance(said, str) else said
        wrong = not isinstance(keys, list) or any(not isinstance(key, str) or not re.fullmatch("[0-9a-f]{16}", key) for key in keys)
        if wrong:
            raise UsageError(
                f"{where}: {_quoted(said)} are not record keys.", "A key is 16 hexadecimal digits, as sde check --report FILE.json has it."
            )
        return frozenset(keys)

    def _table(self, said: Any, name: str) -> Mapping[str, Any]:
        if not isinstance(said, dict):
            raise UsageError(f"{self._at(self._line(name))}: {name} is not a table.", f"It begins with a line [{name}].")
        return said

    def _known(self, what: str, said: Mapping[str, Any], known: Collection[str], where: str, table: str = "") -> None:
        for name in said:
            if name not in known:
                at = where or self._at(self._line(name, table))
                raise UsageError(f"{at}: there is no {what} named {_quoted(name)}.", _suggestion(name, known) + f"Known: {', '.join(known)}.")

    # ---- lines, which the parser does not tell

    def _at(self, line: int) -> str:
        return f"{self._shown}, line {line}" if line else self._shown

    def _line(self, name: str, table: str = "") -> int:
        pattern = re.compile(rf"""^\s*(?:\[+\s*)?(?:{re.escape(table)}\.)?["']?{re.escape(name)}["']?\s*(?:[=\].])""")
        return next((number for number, line in enumerate(self._lines, 1) if pattern.match(line)), 0)

    def _line_of_silence(self, number: int) -> int:
        lines = [at for at, line in enumerate(self._lines, 1) if _HEADER.match(line)]
        return lines[number] if number < len(lines) else 0

    def _line_of_reason(self, header: int) -> int:
        for at in range(header, len(self._lines)):
            if _TABLE.match(self._lines[at]):
                break
            if _REASON.match(self._lines[at]):
                return at + 1
        return header


def _quoted(value: Any) -> str:
    return repr(visible(str(value), 60))


def _suggestion(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def silenced_by(findings: Sequence[Finding], silences: Sequence[Silence], key_of: Mapping[int, str]) -> list[Silence | None]:
    """For each finding the first silence that covers it, None where none does."""
    return [next((silence for silence in silences if silence.covers(finding, key_of)), None) for finding in findings]


def silence_text(silence: Silence) -> str:
    """The silence as it is written in `sde.toml`."""
    rows = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in silence.rows)
    values = {"check": silence.check, "field": silence.field, "rows": rows, "reason": silence.reason}
    lines = [f"{name} = {_toml_text(value)}" for name, value in values.items() if value]
    if silence.keys:
        lines.insert(-1, f"keys = [{', '.join(_toml_text(key) for key in sorted(silence.keys))}]")
    return "[[silence]]\n" + "\n".join(lines) + "\n"


def _toml_text(text: str) -> str:
    escaped = "".join(character if " " <= character != "\x7f" and character not in '"\\' else f"\\u{ord(character):04x}" for character in text)
    return f'"{escaped}"'
