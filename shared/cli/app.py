"""The `tally` command itself: its groups, and how errors end it."""

import sys

import typer
from rich.markup import escape

from shared.cli import backfill, doctor, evaluate, models, readings, runs, style, train
from shared.cli.context import console
from shared.errors import TallyError

app = typer.Typer(
    help="Score sensor readings and style videos with models of your own, on this machine or in Azure.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for group in (readings, train, models, style, runs, backfill, evaluate, doctor):
    group.register(app)


def main() -> None:
    """Run the command line; what went wrong is said in a sentence, with exit code 1, or 130 after Ctrl-C."""
    try:
        app()
    except TallyError as error:
        kind, message = type(error).__name__, escape(error.message)
        console.print(f"[red]{kind}[/red]: {message}", highlight=False, soft_wrap=True)
        if error.hint:
            console.print(error.hint, highlight=False, soft_wrap=True, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
