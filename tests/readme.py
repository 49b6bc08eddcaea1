"""README's generated parts: the command table and the key table.

`python -m tests.readme` rewrites them in place; `tests/test_readme.py` fails when they are stale.
"""

from __future__ import annotations

import re
from pathlib import Path

from sde_core.cli.main import COMMANDS
from sde_tui.keys import markdown_table
from sde_tui.screens import SCREENS

README = Path(__file__).resolve().parents[1] / "README.md"


def command_table() -> str:
    """The commands as Markdown."""
    rows = ["| command | does |", "|---|---|", "| `sde DATA` | Open the app. |"]
    return "\n".join([*rows, *(f"| `sde {name}` | {help_line} |" for name, _, help_line in COMMANDS)])


def with_tables(text: str) -> str:
    """README's text with its generated parts made anew."""
    for name, table in (("commands", command_table()), ("keys", markdown_table([(spec.name, f"{spec.number} {spec.title}") for spec in SCREENS]))):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, found = re.subn(pattern, lambda match, table=table: f"{match[1]}{table.strip()}\n{match[2]}", text, flags=re.DOTALL)
        if not found:
            raise ValueError(f"README.md lacks the markers for {name}")
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
