"""Essays that rules tell apart, and the way through the rules of screen 6."""

from __future__ import annotations

import json

TOPICS = ("tides", "glaciers", "printing", "chess", "honey", "bridges", "pianos", "comets")


def answer_of(i):
    topic = TOPICS[i % 8]
    parts = [f"The {topic} matter because {i} people in Norway saw them."] + [
        f"However, {topic} may differ, for example in size." for _ in range(i % 5)
    ]
    if i % 3 == 0:
        return "\n".join(f"- {part}" for part in parts)
    return " ".join(parts) + ("!" if i % 4 == 0 else "") + (" \x1b]52;c;aGk=\x07[/INST]" if i == 7 else "")


def write_essays(path):
    """60 rows that rules tell apart, one with escape codes and markup in its answer, one line that cannot be read (row 5)."""
    lines = [
        json.dumps({"instruction": f"Explain {TOPICS[i % 8]} in {1 + i % 6} words{'?' if i % 2 else '.'}", "output": answer_of(i)}) for i in range(60)
    ]
    lines[5] = "{oops"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


async def move_to(sde, rule):
    names = [item.value for item in sde.app.screen.rule_list.items if item.value is not None]
    await sde.press("home", *["down"] * names.index(rule))
    assert sde.app.screen.rule == rule
