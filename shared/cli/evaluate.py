"""`tally evaluate`: how good the predictions of runs are, where somebody knows the truth."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shared.cli.context import console, driver, settings, storage
from shared.errors import InvalidInput
from shared.runs.record import State


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    labels: Annotated[list[Path], typer.Argument(metavar="LABELS.csv...", help="Files that say what is anomalous.")],
    run: Annotated[list[str] | None, typer.Option(help="Runs to look at; without any, all that succeeded.")] = None,
    skip: Annotated[int, typer.Option(min=0, help="Windows to leave out at the start of each series.")] = 0,
) -> None:
    """Compare predictions with labelled anomalies: precision, recall, F1, false alarms.

    Labels are `Device,Tag,Start,End,Kind`, as `tally simulate` writes them, or the file that was imported where it has
    a column `anomaly` of 0 and 1. Leave out what the models were trained on with --skip.
    """
    import polars as pl

    from shared.models.labels import compare, read_labels
    from shared.predictions import read_predictions

    store = driver().store
    runs = [store.load(run_id)[0] for run_id in run] if run else list(store.newest(1000))
    done = [one for one in runs if one.state is State.SUCCEEDED]
    if not done:
        raise InvalidInput("No run has succeeded yet.", "`tally runs list` shows the runs there are.")
    predictions = storage().data("predictions")
    frames = [read_predictions(predictions, one.id, datetime.fromisoformat(one.params["start"])) for one in done]
    rows = pl.concat(frames).unique(["device", "sensor", "window_end"], keep="first")
    counts = compare(rows, [label for path in labels for label in read_labels(path)], settings().window_seconds, skip)
    table = Table(box=None, show_header=False)
    for name, value in (
        ("precision", f"{counts.precision:.3f}"),
        ("recall", f"{counts.recall:.3f}"),
        ("F1", f"{counts.f1:.3f}"),
        ("false alarms", f"{counts.false_alarm_rate:.2%} of the normal windows"),
        ("anomalies found", f"{counts.found} of {counts.anomalies}"),
    ):
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table, highlight=False)
