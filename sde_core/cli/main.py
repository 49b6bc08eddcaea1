"""The entry of the command line: which commands there are, and the border where errors become one sentence and an exit code.

A command is one file with a click command named `command`, and one line in `COMMANDS`. Its module is imported when it is called,
so that `sde --help` stays fast.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from sde_core.errors import CancelledError, SdeError, missing_extra
from sde_core.visible import visible

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("check", "sde_core.cli.check", "Everything that is wrong with a dataset, worst first."),
    ("fix", "sde_core.cli.fix", "Safe fixes for what the checks found, with a preview."),
    ("drift", "sde_core.cli.drift", "Each field's types over the file, and where they change."),
    ("balance", "sde_core.cli.balance", "Classes of every label-like field, refusals and answer kinds."),
    ("labels", "sde_core.cli.labels", "Likely label errors with evidence; how far annotators agree."),
    ("dups", "sde_core.cli.dups", "Exact, near and semantic duplicates, as groups with a keeper."),
    ("templates", "sde_core.cli.templates", "The template that each prompt was made from, mined from the prompts."),
    ("rules", "sde_core.cli.rules", "Score and rate rows by rules; choose rules that overlap little."),
    ("ifd", "sde_core.cli.ifd", "How much each instruction helps a model with its answer."),
    ("embed", "sde_core.cli.embed", "Embed all rows by a model, as a job."),
    ("select", "sde_core.cli.select", "Propose a subset, and say why each row is in it."),
    ("decide", "sde_core.cli.decide", "Accept or reject rows; every drop carries a reason."),
    ("undo", "sde_core.cli.undo", "Take the last decision back."),
    ("redo", "sde_core.cli.redo", "Restore the decision undone last."),
    ("log", "sde_core.cli.log", "All decisions, oldest first."),
    ("export", "sde_core.cli.export", "Write the rows that are left, beside a manifest."),
    ("design", "sde_core.cli.design", "Lay structured records out as training samples, in any sample design."),
    ("preflight", "sde_core.cli.preflight", "What every row would train, before anything trains."),
    ("train", "sde_core.cli.train", "Fine-tune a LoRA on the accepted rows as a detached job."),
    ("try", "sde_core.cli.try_model", "Ask a run's base model and its adapter the same prompts."),
    ("collect", "sde_core.cli.collect", "Failures of tried models, and the rows they become."),
    ("losses", "sde_core.cli.losses", "What each row of a fine-tune cost, and which kinds of rows cost most."),
    ("compare", "sde_core.cli.compare", "Did it pay? Train arms on one budget, with intervals."),
    ("handover", "sde_core.cli.handover", "A finished run for other hands: adapter, card, rows, recipes for other tools."),
    ("jobs", "sde_core.cli.jobs", "List, queue, follow, stop, resume, compare and remove jobs."),
)
"""Name, module, one line of help."""

_EPILOG = """\b
Examples:
  sde data.jsonl                          open the app
  sde check data.jsonl --fail-on error    a gate for scripts
  sde select data.jsonl -k 500 -o subset.jsonl
  sde train data.jsonl --attach

Row numbers count records from 0 in file order, malformed ones included; line numbers count from 1.
Exit codes: 0 fine, 1 findings at or above --fail-on, 2 usage or unreadable input, 3 a job failed."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, _, _ in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = next((module for name, module, _ in COMMANDS if name == cmd_name), None)
        return importlib.import_module(module).command if module else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, _, help_line in COMMANDS])


@click.group(
    cls=_LazyGroup,
    epilog=_EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="DATA | COMMAND [ARGS]...",
)
@click.version_option(package_name="sde", message="%(prog)s %(version)s")
@click.pass_context
def command(ctx: click.Context) -> None:
    """A dataset debugger for the terminal.

    `sde DATA` opens the app on a fine-tuning dataset: see what is wrong with it, decide row by row, pick a diverse subset, fine-tune on it.
    Everything the app does, the commands below do without it.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    if sys.stdout is None:  # closed by the caller
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - lives as long as the process
    try:
        returned = command.main(args=None if arguments is None else list(arguments), prog_name="sde", standalone_mode=False)
        sys.stdout.flush()
    except SdeError as error:
        return _report(error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"sde: {visible(error.format_message())}", err=True)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _report(CancelledError())
    except BrokenPipeError:
        _close_stdout()
        return 0
    except OSError as error:
        _close_stdout()
        return _report(SdeError(_sentence(error), "Check the disk and the permissions, and try again."))
    except MemoryError:
        return _report(SdeError("There is not enough memory for this.", "Try a part of the data, or a machine that has more."))
    except Exception as error:
        if os.environ.get("SDE_TRACEBACK"):
            raise
        missing = missing_extra(error) if isinstance(error, ModuleNotFoundError) else None
        return _report(missing or SdeError(f"This is a fault of sde itself: {type(error).__name__}: {error}", "SDE_TRACEBACK=1 shows where."))
    return returned if isinstance(returned, int) else 0


def _close_stdout() -> None:
    """Nothing more can be written; the interpreter would complain about it at its end."""
    with suppress(OSError, ValueError):  # it is no real file, as under a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: OSError) -> str:
    about = f"{error.filename}: " if error.filename else ""
    return f"{about}{error.strerror or error}."


def _report(error: SdeError) -> int:
    click.echo(f"sde: {visible(error.message, 2000)}", err=True)
    if error.hint:
        click.echo(f"     {visible(error.hint, 2000)}", err=True)
    return error.exit_code
