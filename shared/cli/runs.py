"""`tally runs`: what was scored, what is being scored, what went wrong, and how to steer it."""

import time
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.cli.context import console, driver, settings
from shared.errors import NotFound
from shared.runs.record import Run, State

runs = typer.Typer(help="Show and steer runs.", no_args_is_help=True)
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or a part of it that only it has.")]
COLOURS = {State.SUCCEEDED: "green", State.FAILED: "red", State.CANCELLED: "yellow", State.RUNNING: "cyan"}


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(runs, name="runs")


@runs.command("list")
def list_runs(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
) -> None:
    """The runs changed last, newest first."""
    table = Table("run", "state", "tasks", "changed", "reason", box=None, header_style="bold")
    for run in driver().store.newest(limit):
        if not failed or run.state is State.FAILED:
            counts = f"{run.tasks_done}/{run.tasks}" if run.tasks else ""
            table.add_row(run.id, _coloured(run.state), counts, _local(run.updated), escape(run.reason[:200]))
    console.print(table if table.rows else "No runs yet. `tally backfill` starts one; so does the timer.")


@runs.command()
def show(run: RunId) -> None:
    """All that is known of a run."""
    record = _find(run)
    for name, value in _facts(record):
        console.print(f"[bold]{name:<10}[/bold] {value}", highlight=False, soft_wrap=True)


@runs.command()
def watch(run: RunId) -> None:
    """Follow a run until it ends; exit code 1 unless it succeeded."""
    run_id = _find(run).id
    ended = follow(run_id)
    show(run_id)
    raise typer.Exit(0 if ended.state is State.SUCCEEDED else 1)


@runs.command()
def retry(run: RunId) -> None:
    """Queue a failed or cancelled run once more; tasks that succeeded are not repeated."""
    run_id = _find(run).id
    driver().retry(run_id)
    console.print(f"{run_id} is queued again. `tally runs watch {run_id}` follows it.")


@runs.command()
def cancel(run: RunId) -> None:
    """Have a run stopped."""
    run_id = _find(run).id
    driver().cancel(run_id)
    console.print(f"{run_id} will be stopped.")


@runs.command()
def logs(
    run: RunId,
    task: Annotated[str, typer.Argument(help="A task's id; without one, every task that the run has logs of.")] = "",
) -> None:
    """What the tasks of a run wrote to stdout and stderr, all tries in order."""
    from shared.cli.context import storage

    run_id = _find(run).id
    kept = storage().control("logs")
    names = [info.name for info in kept.list(f"{run_id}/{task}")]
    if not names:
        raise NotFound(f"Run {run_id} has no logs{f' of a task {task}' if task else ''} yet.")
    for name in names:
        blob = kept.get(name)
        console.rule(name.removeprefix(f"{run_id}/"), align="left")
        console.out(blob.data.decode(errors="replace") if blob else "", end="", highlight=False)


def follow(run_id: str) -> Run:
    """Show a run's progress until it ends; the run as it ended."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("tasks"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(run_id, total=None)
        while True:
            run = driver().store.load(run_id)[0]
            progress.update(bar, description=f"{run_id} {run.state}", total=run.tasks or None, completed=run.tasks_done)
            if run.state.final:
                return run
            time.sleep(0.5)


def _find(text: str) -> Run:
    try:
        return driver().store.load(text)[0]
    except NotFound:
        found = [run for run in driver().store.newest(1000) if text in run.id]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"{len(found)} runs have {text!r} in their id.", "Give more of it.") from None
        raise


def _facts(run: Run) -> list[tuple[str, str]]:
    facts = [
        ("run", run.id),
        ("workload", run.workload),
        ("state", _coloured(run.state)),
        ("tasks", f"{run.tasks_done} of {run.tasks} done, {run.tasks_failed} failed"),
        ("attempt", str(run.attempt)),
        *run.params.items(),
        *((str(state), _local(when)) for when, state in run.history),
    ]
    if run.task_seconds and (cost := settings().estimate(run.workload, run.task_seconds)):
        facts.append(("cost", cost))
    return facts + ([("reason", escape(run.reason))] if run.reason else [])


def _coloured(state: State) -> str:
    colour = COLOURS.get(state, "white")
    return f"[{colour}]{state}[/{colour}]"


def _local(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S}"
