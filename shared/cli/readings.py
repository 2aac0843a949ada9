"""`tally import` and `tally simulate`: readings into Event Hubs, from files or from machines that do not exist."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched, chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.cli.context import console, settings, storage
from shared.errors import InvalidInput, TallyError

if TYPE_CHECKING:
    from rich.progress import Progress

    from shared.readings.csv_files import CsvFile, Skipped
    from shared.readings.samples import Sample
    from shared.readings.simulate import Anomaly, Fleet

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"]
_ROUND = 5_000  # readings sent before the next look at the clock
Rate = Annotated[float, typer.Option(min=0, help="Readings per second at most; 0 is as fast as it goes.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_files)
    app.command()(simulate)


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.csv...", help="Files, each in time order.")],
    device: Annotated[str, typer.Option(help="Device of files without a Device column; else the file's name.")] = "",
    exclude: Annotated[str, typer.Option(help="Columns of wide files that are no sensors, with commas.")] = "",
    rate: Rate = 0,
) -> None:
    """Send the readings of CSV files to Event Hubs, in time order over all files.

    Layouts: `TS,Device,Tag,Value` (or `Sensor`), or a time column and one column per sensor; separated by comma,
    semicolon or tab.
    """
    from shared.readings.csv_files import Skipped, open_csv, read_merged

    left_out = [name.strip() for name in exclude.split(",") if name.strip()]
    opened = [open_csv(path, device, left_out) for path in files]
    for layout, alike in groupby(opened, key=lambda file: file.layout.describe()):
        names = [file.path.name for file in alike]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        console.print(f"{names[0]}{more}: {layout}", highlight=False, markup=False)
    skipped = Skipped()
    with _progress() as progress:
        total = sum(path.stat().st_size for path in files)
        bar = progress.add_task("Importing", total=total)
        samples = read_merged(opened, skipped, lambda size: progress.advance(bar, size))
        sent, behind = _send(_warned(samples), rate)
    _report_import(sent, behind, skipped, opened)


def simulate(
    devices: Annotated[int, typer.Option(min=1, max=100_000, help="Machines.")] = 3,
    sensors: Annotated[int, typer.Option(min=1, max=1_000, help="Sensors of each.")] = 5,
    every: Annotated[float, typer.Option(min=0.001, help="Seconds between two readings of a sensor.")] = 1.0,
    duration: Annotated[float, typer.Option(min=1, help="Seconds of signal.")] = 3600.0,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=FORMATS, help="First reading, UTC; else it ends now.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Begin now and keep pace with the clock.")] = False,
    rate: Rate = 0,
    anomalies: Annotated[float, typer.Option(min=0, max=0.5, help="Share of time with an anomaly.")] = 0.02,
    clean: Annotated[float, typer.Option(min=0, max=1, help="Share at the start without any, to train on.")] = 0.5,
    labels: Annotated[Path, typer.Option(help="Where the anomalies' labels go, as CSV.")] = Path("labels.csv"),
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same signals.")] = 0,
) -> None:
    """Send realistic signals with labelled anomalies to Event Hubs.

    Daily cycles, loads that come and go, drift and noise; spikes, level shifts, stuck sensors, bursts of noise and
    drifts injected. The labels say device, sensor, first and last time, and kind.
    """
    from shared.readings.simulate import Fleet
    from shared.readings.timestamps import to_micros

    steps = max(1, int(duration / every))
    begin = _begin(start, duration, live)
    fleet = Fleet.of(devices, sensors, seed)
    planned = fleet.plan(steps, anomalies, int(steps * clean))
    _write_labels(labels, fleet, planned, begin, every)
    if live:
        rate = devices * sensors / every
    ticks = fleet.samples(to_micros(begin), every, steps, planned)
    with _progress() as progress:
        bar = progress.add_task("Simulating", total=steps)
        sent, _ = _send(_warned(_one_by_one(ticks, lambda: progress.advance(bar))), rate)
    told = f"Sent {sent:,} readings from {begin:%Y-%m-%d %H:%M:%S} UTC; {len(planned)} anomalies in {labels}."
    console.print(told, markup=False)


def _one_by_one(ticks: "Iterable[list[Sample]]", on_tick: Callable[[], None]) -> "Iterator[Sample]":
    """The samples; `Progress.track` would leave a thread behind that keeps the process from ending after an error."""
    for tick in ticks:
        yield from tick
        on_tick()


def _begin(start: datetime | None, duration: float, live: bool) -> datetime:
    now = datetime.now(UTC).replace(microsecond=0)
    if live and start is not None:
        raise InvalidInput("--live begins now: it cannot begin at --from as well.")
    if start is not None:
        return start.replace(tzinfo=UTC)
    return now if live else now - timedelta(seconds=duration)


def _send(samples: "Iterable[Sample]", rate: float) -> tuple[int, int]:
    """Send them all; returns how many there were, and how many came too far out of order to count."""
    from shared.readings.hub import last_sequences, open_producer
    from shared.readings.sender import Pace, send_round
    from shared.readings.timestamps import SECOND

    lateness = settings().allowed_lateness_seconds * SECOND
    pace, sent, behind, newest = Pace(rate), 0, 0, 0
    most = _ROUND if rate == 0 else max(1, min(_ROUND, int(rate)))
    partitions = len(last_sequences(settings()))
    with open_producer(settings()) as hub:
        for some in batched(samples, most, strict=False):
            pace.wait(len(some))
            sent += send_round(hub, partitions, some)
            for sample in some:
                behind += sample.time < newest - lateness
                newest = max(newest, sample.time)
    return sent, behind


def _warned(samples: "Iterable[Sample]") -> "Iterator[Sample]":
    """The samples; a word of warning first where they are older than what is already closed."""
    from shared.readings.state import sealed_until
    from shared.readings.timestamps import to_micros

    iterator = iter(samples)
    first = next(iterator, None)
    if first is None:
        return iter(())
    try:
        sealed = sealed_until(storage().control("ingest"), settings().event_hub_name)
    except TallyError as error:
        console.print(f"Whether these readings come too late could not be looked up: {error}", markup=False)
        sealed = None
    if sealed and first.time < to_micros(sealed):
        console.print(
            f"[yellow]Windows before {sealed:%Y-%m-%d %H:%M:%S} UTC are closed.[/yellow] Older readings will be set "
            "aside as late. Bring history in before newer readings, or into a hub of its own (EVENT_HUB_NAME)."
        )
    return chain([first], iterator)


def _write_labels(path: Path, fleet: "Fleet", planned: "list[Anomaly]", begin: datetime, every: float) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["Device", "Tag", "Start", "End", "Kind"])
        for a in planned:
            ends = (begin + timedelta(seconds=every * step) for step in (a.start, a.end - 1))
            rows.writerow([*fleet.series[a.series], *(f"{end:%Y-%m-%dT%H:%M:%S.%fZ}" for end in ends), a.kind.value])


def _report_import(sent: int, behind: int, skipped: "Skipped", files: "list[CsvFile]") -> None:
    console.print(f"Sent {sent:,} readings of {len(files)} {'file' if len(files) == 1 else 'files'}.")
    if skipped.count:
        console.print(f"[yellow]{skipped.count:,} lines or cells were no readings[/yellow], the first of them:")
        for example in skipped.examples:
            console.print(f"  {example}", highlight=False, markup=False)
    if behind:
        console.print(
            f"[yellow]{behind:,} readings go further back in time than ALLOWED_LATENESS_SECONDS[/yellow] and will be "
            "set aside as late. Sort the files by time first."
        )
    if not sent:
        raise InvalidInput("There was no reading in these files.")


def _progress() -> "Progress":
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console
    )
