"""`tally reset`: forgets readings, runs or models, so that one can begin anew."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.context import driver, settings, storage
from cli.options import AsJson
from cli.output import notes, print_json, progress, results
from shared.errors import InvalidInput, NotFound
from shared.storage import BlobStore


class What(StrEnum):
    """What can be forgotten."""

    READINGS = "readings"
    RUNS = "runs"
    MODELS = "models"


PLACES: dict[What, dict[str, tuple[str, ...]]] = {
    What.READINGS: {"control": ("ingest",), "data": ("windows", "aside")},
    What.RUNS: {"control": ("work", "logs", "compute", "runs"), "data": ("predictions", "reports", "styled")},
    What.MODELS: {"control": ("bundles",), "data": ()},
}
"""The containers of each, in the order in which they are emptied."""
STAYS: dict[What, str] = {
    What.READINGS: (
        "Events that were taken in already are not read again; readings that are sent again count anew. Hours that "
        "were scored are scored again only once their runs are forgotten too."
    ),
    What.RUNS: "Windows and uploaded videos stay: the timers score and style all of them again.",
    What.MODELS: (
        "What ships answers from then on; anomaly models have to be trained again. Folders of `--out` and "
        ".tally/styles stay."
    ),
}
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A container that is to be emptied."""

    what: What
    account: str
    container: str
    store: BlobStore
    names: Sequence[str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Setup")(reset)


def reset(
    what: Annotated[list[What], typer.Argument(help="What is to be forgotten.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget readings, runs or models of the accounts that the settings name, after saying what goes and what stays.

    readings: windows, late and refused events, how far each partition had come.
    runs: records, logs, predictions, reports and styled videos. models: every bundle, and changes of the FAQ.

    It is refused while runs are running.

    Example: `tally reset readings runs`
    """
    _refuse_running(What.RUNS in what)
    places = list(_places(list(dict.fromkeys(what))))
    for place in places:
        notes.print(f"{place.what}: {len(place.names):,} blobs in {place.container} of the {place.account} account")
    for each in dict.fromkeys(what):
        notes.print(STAYS[each])
    if not yes:
        _ask()
    _empty(places)
    if What.RUNS in what:
        _remove_local(Path(settings().local_compute_dir))
    if as_json:
        for place in places:
            print_json({"what": place.what, "container": place.container, "removed": len(place.names)})
    else:
        results.print(f"Removed {sum(len(place.names) for place in places):,} blobs.")


def _empty(places: Sequence[Place]) -> None:
    with progress("blobs", transient=True) as bars:
        bar = bars.add_task("Removing", total=sum(len(place.names) for place in places))
        for place in places:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                for _ in pool.map(place.store.delete, place.names):
                    bars.advance(bar)


def _remove_local(folder: Path) -> None:
    """Remove what local compute keeps of runs, and nothing else: the folder may hold other things."""
    for order in folder.glob("*/order.json"):
        shutil.rmtree(order.parent, ignore_errors=True)


def _places(what: Sequence[What]) -> Iterator[Place]:
    for each in what:
        for account, containers in PLACES[each].items():
            for name in containers:
                store = storage().control(name) if account == "control" else storage().data(name)
                yield Place(each, account, name, store, [info.name for info in store.list()])


def _refuse_running(runs_go: bool) -> None:
    """Raises InvalidInput while a run is open, or where Azure would remember runs that are forgotten here."""
    elsewhere = {settings().compute_of(workload) for workload in driver().workloads} - {"local"}
    if runs_go and elsewhere:
        raise InvalidInput(
            f"Runs on {' and '.join(sorted(elsewhere))} cannot be forgotten: their jobs stay in Azure under the same "
            "ids, and would be taken for done.",
            "`tally runs retry` repeats one that failed; `tally backfill` scores a span again with newer models.",
        )
    if open_runs := [run_id for run_id in driver().store.open_ids() if _is_open(run_id)]:
        raise InvalidInput(
            f"{len(open_runs)} runs are running: {', '.join(open_runs[:3])}{' …' if len(open_runs) > 3 else ''}.",
            "Wait for them, or stop them: `tally runs cancel RUN`.",
        )


def _is_open(run_id: str) -> bool:
    try:
        return not driver().store.load(run_id)[0].state.final
    except NotFound:
        return False


def _ask() -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("Nothing was removed: there is nobody to ask.", "Add --yes.")
    if not typer.confirm("Remove them?", err=True):
        notes.print("Nothing was removed.")
        raise typer.Exit(1)
