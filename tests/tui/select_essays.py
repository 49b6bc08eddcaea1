"""Rows for the Select screen's tests, and the command line that must choose as the app does."""

from __future__ import annotations

import json
import shlex

import orjson

from sde_core.cli.main import main
from sde_core.dataset import open_dataset

TOPICS = ("tides", "glaciers", "printing", "chess", "honey", "bridges", "pianos", "comets")
BAD_ROW = 5
HOSTILE_ROW = 7


def _answer_of(i):
    topic = TOPICS[i % 8]
    parts = [f"The {topic} matter because {i} people in Norway saw them."] + [
        f"However, {topic} may differ, for example in size." for _ in range(i % 5)
    ]
    if i % 3 == 0:
        return "\n".join(f"- {part}" for part in parts)
    return " ".join(parts) + ("!" if i % 4 == 0 else "") + (" \x1b]52;c;aGk=\x07[/INST]" if i == HOSTILE_ROW else "")


def write_essays(path):
    """Eighty labelled rows on eight topics, one with escape codes and markup, one line that cannot be read."""
    lines = [
        json.dumps(
            {
                "instruction": f"Explain {TOPICS[i % 8]} in {1 + i % 6} words{'?' if i % 2 else '.'}",
                "output": _answer_of(i),
                "label": ("short", "long")[i % 5 > 2],
            }
        )
        for i in range(80)
    ]
    lines[BAD_ROW] = "{oops"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows_by_command(command, output, capfdbinary):
    """The rows that a command line shown by the app chooses, compared with those that it writes."""
    words = shlex.split(command)
    assert words[:2] == ["sde", "select"]
    words[words.index("subset.jsonl")] = str(output)
    capfdbinary.readouterr()
    assert main([*words[1:], "--json"]) == 0
    rows = orjson.loads(capfdbinary.readouterr().out)["rows"]
    dataset = open_dataset(words[2])
    assert output.read_bytes() == b"".join(dataset.raw(row) + b"\n" for row in rows)
    return rows


def part_of(sde):
    return sde.session.selection


def chosen(sde):
    return sorted(part_of(sde).selection.rows)
