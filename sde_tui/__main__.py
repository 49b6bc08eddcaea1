"""Entry point of `sde`: a command, an option or nothing goes to the command line; anything else is data to open in the app."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sde_core.errors import SdeError, UsageError

if TYPE_CHECKING:
    from sde_core.dataset import Dataset

_USAGE = "Usage: sde DATA [--layout NAME] [--map ROLE=FIELD …] [--ssh]"


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What `sde DATA` was asked for."""

    data: str
    layout: str | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    ssh: bool = False

    def as_words(self) -> list[str]:
        """The options about the data, as they are typed."""
        words = ["--layout", self.layout] if self.layout else []
        for role, field_name in self.mapping.items():
            words += ["--map", f"{role}={field_name}"]
        return words


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `sde`; returns or exits with the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or _is_command(arguments[0]):
        from sde_core.cli.main import main as command_line

        return int(command_line(arguments) or 0)
    try:
        return run_app(parsed(arguments))
    except SdeError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130


def _is_command(word: str) -> bool:
    if word.startswith("-"):
        return not word.startswith(("--layout", "--map", "--ssh"))
    if not word.isalpha():  # a path; commands are plain words, and click takes its time to import
        return False
    from sde_core.cli.main import COMMANDS

    return any(name == word for name, *_ in COMMANDS)


def parsed(arguments: Sequence[str]) -> AppOptions:
    """The options of `sde DATA`.

    Raises:
        UsageError: When there is no data, more than one, or an unknown option.
    """
    words, data, layout, mapping, ssh = list(arguments), [], None, {}, False
    while words:
        word = words.pop(0)
        name, joined, value = word.partition("=")
        if name in ("--layout", "--map"):
            if not joined:
                if not words:
                    raise UsageError(f"{name} needs a value.", _USAGE)
                value = words.pop(0)
            if name == "--layout":
                layout = value
            else:
                role, equals, field_name = value.partition("=")
                if not (role and equals and field_name):
                    raise UsageError(f"--map wants ROLE=FIELD, not “{value}”.", "For example: --map answer=response")
                mapping[role] = field_name
        elif word == "--ssh":
            ssh = True
        elif word.startswith("--") and word != "--":
            raise UsageError(f"There is no option {word}.", _USAGE)
        elif word != "--":
            data.append(word)
    if len(data) != 1:
        raise UsageError("One dataset can be open at a time." if data else "No dataset was named.", _USAGE)
    return AppOptions(data[0], layout, mapping, ssh)


def run_app(options: AppOptions) -> int:
    """Opens the dataset, prepares the terminal and runs the app.

    Raises:
        SdeError: When there is no terminal or the dataset cannot be opened; nothing was drawn then.
    """
    from sde_tui import terminal

    reason = terminal.unfit()
    if reason:
        raise UsageError(
            reason, f"Without a terminal use the commands: sde check {options.data}, sde select {options.data} -k 10% -o subset.jsonl (sde --help)."
        )
    gc.disable()  # until the first screen stands
    from sde_core.dataset import open_dataset

    dataset = open_dataset(options.data, layout=options.layout, mapping=options.mapping or None)
    ssh = options.ssh or terminal.over_ssh()
    terminal.prepare_environment(ssh=ssh)
    terminal.draw_on_stdout()
    sys.setswitchinterval(0.0005)
    return _run(dataset, options, ssh=ssh)


def _run(dataset: Dataset, options: AppOptions, *, ssh: bool) -> int:
    from sde_tui.app import SdeApp

    app = SdeApp(dataset, open_options=options.as_words())
    farewell = app.run(mouse=not ssh)
    if app.crash:
        from sde_core.visible import visible

        sys.stdout.write(visible(app.crash) + "\n")
    elif farewell:
        sys.stdout.write(farewell.rstrip("\n") + "\n")
    return app.return_code or 0


def _refused(error: SdeError) -> int:
    from sde_core.visible import visible

    sys.stderr.write("sde: " + visible(error.message, 2000) + (f"\n{visible(error.hint, 2000)}" if error.hint else "") + "\n")
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
