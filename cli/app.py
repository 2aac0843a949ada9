"""The `tally` command itself: its groups, and how whatever goes wrong ends it."""

import logging
import os
import re
import sys
from typing import Annotated

import typer

from cli import backfill, doctor, evaluate, models, readings, reset, runs, style, styles, train, upload
from cli.output import notes, prepare_streams, results
from shared.errors import TallyError
from shared.refusals import as_refusal

app = typer.Typer(
    help="Score sensor readings and style videos with models of your own, on this machine or in Azure.",
    epilog="`tally COMMAND -h` explains a command and shows an example. Results go to stdout, all else to stderr.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (readings, train, models, style, upload, styles, runs, backfill, evaluate, doctor, reset):
    group.register(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        results.print(f"tally {version('tally')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error happened, with its traceback.")] = False,
) -> None:
    """Set up what all commands share: libraries say nothing by themselves, as commands say it better."""
    if not debug:
        logging.getLogger("azure").setLevel(logging.CRITICAL)


def main() -> None:
    """Run the command line; what goes wrong is said once, in a sentence on stderr.

    The exit code is 0, 1 for what went wrong, 2 for a command that cannot be understood, 130 after Ctrl-C.
    """
    sys.exit(run())


def run() -> int:
    """Run the command line, and return its exit code."""
    prepare_streams()
    try:
        code = app(prog_name="tally", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _misused(error)
    except BrokenPipeError:
        _forget_stdout()
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        return _refused(as_refusal(error))
    return code if isinstance(code, int) else 0


def _refused(error: TallyError) -> int:
    notes.print(error.message, style="red")
    if error.hint:
        notes.print(error.hint)
    _forget_stdout()
    return 1


def _misused(error: typer.TyperException) -> int:
    if message := error.format_message():  # a group without a command has none: it has shown its help
        notes.print(_plain(message), style="red")
        if context := getattr(error, "ctx", None):
            notes.print(f"`{context.command_path} -h` shows how it is used.")
    return error.exit_code


def _plain(message: str) -> str:
    """What is wrong with an argument without the library's word for it, and without strftime's."""
    said = message.replace("Value error, ", "")
    return re.sub(r"does not match the formats .*", "is no time; write 2026-01-31 or 2026-01-31T10:00:00Z.", said)


def _forget_stdout() -> None:
    """Drop what could not be written, or Python would try it once more at its end and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
