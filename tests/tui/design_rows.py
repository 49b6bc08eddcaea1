"""Rows for the tests of screen 8, and getting to what it shows of them."""

from __future__ import annotations

import json

from textual.widgets import TextArea


def written(path, rows):
    """A file of rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def words(sde):
    """The screen's words in a line, without the frames around them."""
    return " ".join(" ".join(line.strip(" │▇▆▅▄▃▂▁█") for line in sde.lines).split())


def says(sde, sentence):
    """Whether the screen says a sentence, wherever long paths in it break its lines."""
    return sentence.replace(" ", "") in words(sde).replace(" ", "")


async def opened(sde):
    """Screen 8, with tokens counted."""
    await sde.press("8")
    await sde.until(lambda: "mean" in sde.text)


async def edited(sde):
    """The editor of the task, with the rows held against it."""
    await opened(sde)
    await sde.press("e")
    await sde.until(lambda: "rows fit" in sde.text)
    return sde.app.screen.query_one(TextArea)
