"""`tally runs`: what was scored, what is being scored, what went wrong, what came out, and how to steer it."""

import time
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from cli.choice import chosen
from cli.complete import run_ids
from cli.context import driver, settings, storage, workloads
from cli.options import AsJson
from cli.output import notes, one_line, print_facts, print_json, print_table, progress, results, shown_time
from cli.run_outputs import fetch_all, outputs_of, summaries
from shared.errors import InvalidInput, NotFound
from shared.runs.record import Run, State

runs = typer.Typer(help="Show and steer runs, and fetch what came out of them.", no_args_is_help=True)
RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="The run's id, or a part of it that only it has.", autocompletion=run_ids),
]
COLOURS = {State.SUCCEEDED: "green", State.FAILED: "red", State.CANCELLED: "yellow", State.RUNNING: "cyan"}
MOST = 1000  # records looked through for those that failed


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(runs, name="runs", rich_help_panel="Runs")


@runs.command("list")
def list_runs(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the runs changed last, newest first, with the video or the span that each is about.

    Example: `tally runs list --failed --limit 5`
    """
    newest = driver().store.newest(MOST if failed else limit)
    shown = list(islice((run for run in newest if not failed or run.state is State.FAILED), limit))
    if as_json:
        for run in shown:
            print_json(run)
    elif shown:
        print_table(("run", "state", "tasks", "changed", "input", "reason"), map(_row, shown))
    else:
        notes.print("No run failed." if failed else f"No runs yet. {_starters()}")


def _starters() -> str:
    commands = [f"`{workload.command}`" for workload in workloads().values() if workload.command]
    return f"{' or '.join(commands)} starts one; so does the timer."


@runs.command()
def show(run: RunId, as_json: AsJson = False) -> None:
    """Show all that is known of a run: its states, its reason, and what came out and where.

    Example: `tally runs show anomaly-20260131T100000Z-3600s`
    """
    record = _find(run)
    if as_json:
        print_json(_as_object(record))
        return
    print_facts(_facts(record))
    outputs = outputs_of(record, storage(), settings().data_storage)
    print_facts(("output", line) for line in summaries(outputs))
    if outputs:
        notes.print(f"`tally runs fetch {record.id}` copies what came out into a folder.")
    elif record.state is State.FAILED:
        notes.print(f"`tally runs logs {record.id}` shows what its tasks wrote; `tally runs retry` repeats them.")


@runs.command()
def fetch(
    run: RunId,
    out: Annotated[Path, typer.Option(help="The folder, which is made where there is none.")] = Path("out"),
    as_json: AsJson = False,
) -> None:
    """Copy what came out of a run into a folder: predictions and report, or the styled video and its pictures.

    Example: `tally runs fetch style-holiday-2691f34a693ae37e --out holiday`
    """
    from cli.files import can_fill

    record = _find(run)
    folder = can_fill(out)
    outputs = outputs_of(record, storage(), settings().data_storage)
    if not outputs:
        raise NotFound(f"Run {record.id} is {record.state}, and nothing came out of it.", "`tally runs show` says why.")
    for output, path in fetch_all(outputs, storage(), folder):
        print_json({"file": str(path), "bytes": output.bytes}) if as_json else results.print(str(path))


@runs.command()
def watch(run: RunId, as_json: AsJson = False) -> None:
    """Follow a run until it ends, and show it; the exit code is 1 unless it succeeded.

    Example: `tally runs watch 20260131T100000Z`
    """
    run_id = _find(run).id
    ended = follow(run_id)
    show(run_id, as_json)
    raise typer.Exit(0 if ended.state is State.SUCCEEDED else 1)


@runs.command()
def retry(run: RunId, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled run once more; tasks that succeeded are not repeated.

    Example: `tally runs retry anomaly-20260131T100000Z-3600s`
    """
    run_id = _find(run).id
    driver().retry(run_id)
    _steered(run_id, f"{run_id} is queued again. `tally runs watch {run_id}` follows it.", as_json)


@runs.command()
def cancel(run: RunId, as_json: AsJson = False) -> None:
    """Have a run stopped; what its finished tasks wrote stays.

    Example: `tally runs cancel style-holiday-2691f34a693ae37e`
    """
    run_id = _find(run).id
    driver().cancel(run_id)
    _steered(run_id, f"{run_id} will be stopped.", as_json)


@runs.command()
def logs(
    run: RunId,
    task: Annotated[str, typer.Argument(help="A task's id; default: every task that the run has logs of.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what the tasks of a run wrote to stdout and stderr, all tries in order.

    Example: `tally runs logs anomaly-20260131T100000Z-3600s merge`
    """
    run_id = _find(run).id
    kept = storage().control("logs")
    names = [info.name for info in kept.list(f"{run_id}/{task}")]
    if not names:
        raise NotFound(f"Run {run_id} has no logs{f' of a task {task!r}' if task else ''} yet.")
    for name in names:
        blob = kept.get(name)
        text = blob.data.decode(errors="replace") if blob else ""
        if as_json:
            print_json({"log": name.removeprefix(f"{run_id}/"), "text": text})
        else:
            results.print(f"── {one_line(name.removeprefix(f'{run_id}/'))}", style="bold")
            results.print(text, end="")


def follow(run_id: str) -> Run:
    """Show a run's progress until it ends; the run as it ended."""
    try:
        with progress("tasks", transient=True) as bars:
            bar = bars.add_task(run_id, total=None)
            while True:
                run = driver().store.load(run_id)[0]
                bars.update(bar, description=f"{run_id} {run.state}", total=run.tasks or None, completed=run.tasks_done)
                if run.state.final:
                    return run
                time.sleep(0.5)
    except KeyboardInterrupt:
        notes.print(f"The run goes on: `tally runs watch {run_id}` follows it, `tally runs cancel {run_id}` stops it.")
        raise


def _find(text: str) -> Run:
    store = driver().store
    try:
        return store.load(text)[0]
    except NotFound as error:
        return store.load(chosen(text, store.ids(""), "run", error.hint, parts=True))[0]


def _row(run: Run) -> tuple[str | Text, ...]:
    counts = f"{run.tasks_done}/{run.tasks}" if run.tasks else ""
    return run.id, _coloured(run.state), counts, shown_time(run.updated), _input(run), run.reason[:200]


def _input(run: Run) -> str:
    """What a run is about, such as the video that was uploaded or the span that is scored."""
    workload = workloads().get(run.workload)
    if workload is None:
        return ""
    try:
        return workload.subject(workload.read(run.params))
    except InvalidInput:  # an upload that could not be used: its record says the blob and the reason
        return run.params.get(workload.uploads.member, "") if workload.uploads else ""


def _arguments(run: Run) -> dict[str, str]:
    """What a run was told, its times as every command shows them."""
    workload = workloads().get(run.workload)
    try:
        told = msgspec.structs.asdict(workload.read(run.params)) if workload else {}
    except InvalidInput:
        told = {}
    return run.params | {name: shown_time(value) for name, value in told.items() if isinstance(value, datetime)}


def _facts(run: Run) -> list[tuple[str, str | Text]]:
    facts: list[tuple[str, str | Text]] = [
        ("run", run.id),
        ("workload", run.workload),
        ("state", _coloured(run.state)),
        ("tasks", f"{run.tasks_done} of {run.tasks} done, {run.tasks_failed} failed"),
        ("attempt", str(run.attempt)),
        *_arguments(run).items(),
        ("created", shown_time(run.created)),
        *((str(state), shown_time(when)) for when, state in run.history),
    ]
    if cost := _cost(run):
        facts.append(("cost", cost))
    return facts + ([("reason", run.reason)] if run.reason else [])


def _cost(run: Run) -> str:
    return settings().estimate(run.workload, run.task_seconds) if run.task_seconds else ""


def _as_object(run: Run) -> dict[str, Any]:
    outputs = outputs_of(run, storage(), settings().data_storage)
    known: dict[str, Any] = msgspec.to_builtins(run)
    return known | {"cost": _cost(run), "outputs": outputs}


def _steered(run_id: str, said: str, as_json: bool) -> None:
    if as_json:
        print_json(driver().store.load(run_id)[0])
    else:
        results.print(said)


def _coloured(state: State) -> Text:
    return Text(state, COLOURS.get(state, ""))
