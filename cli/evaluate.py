"""`tally evaluate`: how good the predictions of runs are, where somebody knows the truth."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cli.choice import chosen
from cli.complete import run_ids
from cli.context import driver, settings, storage
from cli.options import AsJson
from cli.output import print_facts, print_json
from shared.errors import InvalidInput
from shared.runs.record import Run, State
from shared.runs.store import RunStore


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Runs")(evaluate)


def evaluate(
    labels: Annotated[
        list[Path],
        typer.Argument(
            metavar="LABELS.csv...",
            help="Files that say what is anomalous.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    run: Annotated[
        list[str] | None,
        typer.Option(help="Runs to look at, by id or a part of it; without any, all.", autocompletion=run_ids),
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Windows to leave out at the start of each series.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare the predictions of runs that succeeded with labelled anomalies: precision, recall, F1, false alarms.

    Labels are `Device,Tag,Start,End,Kind`, as `tally simulate` writes them, or the file that was imported where it has
    a column `anomaly` of 0 and 1. Leave out what the models were trained on with --skip.

    Example: `tally evaluate labels.csv --skip 2700`
    """
    import polars as pl

    from shared.anomaly_detection.labels import compare, read_labels
    from shared.anomaly_detection.predictions import read_predictions
    from shared.anomaly_detection.workload import ANOMALY

    truth = [label for path in labels for label in read_labels(path)]
    done = _done(driver().store, run)
    predictions = storage().data("predictions")
    frames = [read_predictions(predictions, one.id, ANOMALY.read(one.params).start) for one in done]
    rows = pl.concat(frames).unique(["device", "sensor", "window_end"], keep="first")
    counts = compare(rows, truth, settings().window_seconds, skip)
    shares = {name: getattr(counts, name) for name in ("precision", "recall", "f1", "false_alarm_rate")}
    if as_json:
        print_json(shares | msgspec.to_builtins(counts) | {"runs": [one.id for one in done]})
        return
    print_facts(
        (
            ("precision", f"{counts.precision:.3f}"),
            ("recall", f"{counts.recall:.3f}"),
            ("F1", f"{counts.f1:.3f}"),
            ("false alarms", f"{counts.false_alarm_rate:.2%} of the normal windows"),
            ("anomalies found", f"{counts.found} of {counts.anomalies}"),
        ),
        width=15,
    )


def _done(store: RunStore, asked: list[str] | None) -> list[Run]:
    """The runs of readings that succeeded, of those asked for; raises NotFound, InvalidInput where there are none."""
    ids = store.ids("") if asked else set()
    hint = "`tally runs list` shows the runs there are."
    wanted = [chosen(text, ids, "run", hint, parts=True) for text in asked or ()]
    runs = [store.load(run_id)[0] for run_id in wanted] if wanted else store.newest(1000)
    done = [one for one in runs if one.state is State.SUCCEEDED and one.workload == "anomaly"]
    if not done:
        raise InvalidInput("No run over readings has succeeded yet.", hint)
    return done
