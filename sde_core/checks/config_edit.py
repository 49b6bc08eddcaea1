"""Silences written into `sde.toml` and taken out of it, everything else in the file as it was."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from sde_core.checks.config import CONFIG_NAME, CheckConfig, Silence, find_config, parsed_config, silence_text
from sde_core.errors import InputError, UsageError
from sde_core.files import atomic_write, from_home
from sde_core.visible import visible

_ENTRY = re.compile(r"^\s*[\w\"'.-]+\s*=")


def config_path(dataset_path: str) -> Path:
    """The file that a dataset's silences go to: the one in force, else a new one beside the data."""
    found = find_config(dataset_path)
    if found is not None:
        return found
    data = from_home(dataset_path).absolute()
    return (data.parent if data.parent.is_dir() else Path.cwd()) / CONFIG_NAME


def add_silence(path: Path, silence: Silence) -> None:
    """Appends a silence.

    Raises:
        ReadOnlyError: When the file cannot be written.
    """
    before = path.read_bytes().decode() if path.exists() else ""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    atomic_write(path, [(before + gap + silence_text(silence)).encode()])


def remove_silence(path: Path, silence: Silence, known_checks: Collection[str]) -> CheckConfig:
    """Takes a silence out and gives what the file says then.

    Raises:
        UsageError: When it stands in the file in a form that is better changed by hand.
        ReadOnlyError: When the file cannot be written.
    """
    before = path.read_bytes().decode()
    wanted = [one for one in parsed_config(before, path, known_checks).silences if one.line != silence.line]
    text = _without_block(before, silence.line)
    by_hand = UsageError(f"The silence cannot be taken out of {visible(str(path), 200)} by itself.", f"Delete it there by hand, line {silence.line}.")
    try:
        after = parsed_config(text, path, known_checks)
    except (InputError, UsageError) as error:
        raise by_hand from error
    if [_said(one) for one in after.silences] != [_said(one) for one in wanted]:
        raise by_hand
    atomic_write(path, [text.encode()])
    return after


def _said(silence: Silence) -> tuple[object, ...]:
    return silence.check, silence.field, silence.rows, silence.keys, silence.reason


def _without_block(text: str, line: int) -> str:
    """The text without the table that begins on a line: its entries up to the first line that is none."""
    lines = text.splitlines(keepends=True)
    end = line
    while end < len(lines) and _ENTRY.match(lines[end]):
        end += 1
    start = line - 1
    if end < len(lines) and not lines[end].strip():
        end += 1
    return "".join(lines[:start] + lines[end:])
