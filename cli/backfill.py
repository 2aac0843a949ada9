"""`tally backfill`: score any span again, with the current bundle."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from cli.context import driver, settings, storage
from cli.options import FORMATS, AsJson, utc
from cli.output import notes, print_json, results, shown_time
from cli.runs import follow
from shared.errors import InvalidInput
from shared.runs.record import State

MOST = 1000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Runs")(backfill)


def backfill(
    start: Annotated[
        datetime, typer.Option("--from", formats=FORMATS, metavar="TIME", help="First window's start, UTC.")
    ],
    end: Annotated[
        datetime, typer.Option("--to", formats=FORMATS, metavar="TIME", help="Where to stop, UTC; not included.")
    ],
    wait: Annotated[bool, typer.Option(help="Follow the runs until they end.")] = True,
    as_json: AsJson = False,
) -> None:
    """Score the windows of a span with the current bundle, one run per SCORING_SPAN_SECONDS.

    The same span with the same bundle is the same run: repeating the command repeats nothing.

    Example: `tally backfill --from 2026-01-31 --to 2026-02-01`
    """
    from shared.anomaly_detection.workload import backfill_run

    runs = [backfill_run(storage(), begin, until, driver().now()) for begin, until in _spans(start, end)]
    begun = {run.id: driver().start(run) for run in runs}
    if not as_json:
        for run_id, new in begun.items():
            results.print(f"{run_id} {'started' if new else 'was started before'}")
    states = {run_id: follow(run_id).state if wait else driver().store.load(run_id)[0].state for run_id in begun}
    if as_json:
        for run_id, new in begun.items():
            print_json({"run": run_id, "started": new, "state": states[run_id]})
    if wait and any(state is not State.SUCCEEDED for state in states.values()):
        notes.print("Not all runs succeeded: `tally runs list --failed` shows why.")
        raise typer.Exit(1)


def _spans(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The spans of the runs; raises InvalidInput where there are none, or too many."""
    first, last = utc(start), utc(end)
    step = timedelta(seconds=settings().scoring_span_seconds)
    if last <= first:
        raise InvalidInput(f"--to {shown_time(last)} is not after --from {shown_time(first)}.")
    if (count := -((first - last) // step)) > MOST:
        length = f"{count:,} runs of {step.total_seconds():,.0f} s"
        raise InvalidInput(f"That is {length}, and {MOST:,} are the most.", "Score a shorter span at a time.")
    return [(at, min(at + step, last)) for at in (first + step * n for n in range(count))]
