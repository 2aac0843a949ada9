"""`tally backfill`: score any span again, with the current bundle."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from shared.cli.context import console, driver, settings, storage
from shared.cli.runs import follow
from shared.errors import InvalidInput
from shared.runs.record import State

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(backfill)


def backfill(
    start: Annotated[datetime, typer.Option("--from", formats=FORMATS, help="First window's start, UTC.")],
    end: Annotated[datetime, typer.Option("--to", formats=FORMATS, help="Where to stop, UTC; not included.")],
    wait: Annotated[bool, typer.Option(help="Follow the runs until they end.")] = True,
) -> None:
    """Score the windows of a span with the current bundle, one run per SCORING_SPAN_SECONDS.

    The same span with the same bundle is the same run: repeating the command repeats nothing.
    """
    from shared.workloads.anomaly import backfill_run

    step = timedelta(seconds=settings().scoring_span_seconds)
    first, last = start.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    if last <= first:
        raise InvalidInput(f"--to {last:%Y-%m-%dT%H:%M:%SZ} is not after --from {first:%Y-%m-%dT%H:%M:%SZ}.")
    spans = [(at, min(at + step, last)) for at in (first + step * n for n in range(-((first - last) // step)))]
    ids = []
    for begin, until in spans:
        run = backfill_run(storage(), begin, until, driver().now())
        new = driver().start(run)
        ids.append(run.id)
        console.print(f"{run.id} {'started' if new else 'was started before'}", highlight=False)
    if wait and not all(follow(run_id).state is State.SUCCEEDED for run_id in ids):
        console.print("Not all runs succeeded: `tally runs list --failed` shows why.")
        raise typer.Exit(1)
