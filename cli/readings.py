"""`tally import` and `tally simulate`: readings into Event Hubs, from files or from machines that do not exist."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched, chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import settings, storage
from cli.files import can_write, writing
from cli.options import FORMATS, AsJson, utc
from cli.output import notes, print_json, progress, results, shown_time, warn
from shared.errors import InvalidInput, TallyError

if TYPE_CHECKING:
    from shared.readings.csv_files import CsvFile, Skipped
    from shared.readings.samples import Sample
    from shared.readings.simulate import Anomaly, Fleet

_ROUND = 5_000  # readings sent before the next look at the clock
Rate = Annotated[float, typer.Option(min=0, help="Readings per second at most; 0 is as fast as it goes.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import", rich_help_panel="Readings")(import_files)
    app.command(rich_help_panel="Readings")(simulate)


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.csv...", help="Files, each in time order.")],
    device: Annotated[str, typer.Option(help="Device of files without a Device column; else the file's name.")] = "",
    exclude: Annotated[str, typer.Option(help="Columns of wide files that are no sensors, with commas.")] = "",
    rate: Rate = 0,
    as_json: AsJson = False,
) -> None:
    """Send the readings of CSV files to Event Hubs, in time order over all files.

    Layouts: `TS,Device,Tag,Value` (or `Sensor`), or a time column and one column per sensor; separated by comma,
    semicolon or tab.

    Example: `tally import pump-1.csv pump-2.csv --exclude anomaly,changepoint`
    """
    from shared.readings.csv_files import Skipped, open_csv, read_merged

    _check_device(device)
    left_out = [name.strip() for name in exclude.split(",") if name.strip()]
    opened = [open_csv(path, device, left_out) for path in files]
    for layout, alike in groupby(opened, key=lambda file: file.layout.describe()):
        names = [file.path.name for file in alike]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        notes.print(f"{names[0]}{more}: {layout}")
    skipped = Skipped()
    with progress("bytes") as bars:
        bar = bars.add_task("Importing", total=sum(path.stat().st_size for path in files))
        samples = read_merged(opened, skipped, lambda size: bars.advance(bar, size))
        sent, behind = _send(_warned(samples), rate)
    _report_import(sent, behind, skipped, opened, as_json)


def simulate(
    devices: Annotated[int, typer.Option(min=1, max=100_000, help="Machines.")] = 3,
    sensors: Annotated[int, typer.Option(min=1, max=1_000, help="Sensors of each.")] = 5,
    every: Annotated[float, typer.Option(min=0.001, help="Seconds between two readings of a sensor.")] = 1.0,
    duration: Annotated[float, typer.Option(min=1, help="Seconds of signal.")] = 3600.0,
    start: Annotated[
        datetime | None,
        typer.Option("--from", formats=FORMATS, metavar="TIME", help="First reading, UTC; else it ends now."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Begin now and keep pace with the clock.")] = False,
    rate: Rate = 0,
    anomalies: Annotated[float, typer.Option(min=0, max=0.5, help="Share of time with an anomaly.")] = 0.02,
    clean: Annotated[float, typer.Option(min=0, max=1, help="Share at the start without any, to train on.")] = 0.5,
    labels: Annotated[Path, typer.Option(help="Where the anomalies' labels go, as CSV.")] = Path("labels.csv"),
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same signals.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Send realistic signals with labelled anomalies to Event Hubs.

    Daily cycles, loads that come and go, drift and noise; spikes, level shifts, stuck sensors, bursts of noise and
    drifts injected. The labels say device, sensor, first and last time, and kind.

    Example: `tally simulate --devices 4 --sensors 5 --duration 5400`
    """
    from shared.readings.simulate import Fleet
    from shared.readings.timestamps import to_micros

    can_write(labels)
    steps = max(1, int(duration / every))
    begin = _begin(start, duration, live)
    fleet = Fleet.of(devices, sensors, seed)
    planned = fleet.plan(steps, anomalies, int(steps * clean))
    with writing(labels):
        _write_labels(labels, fleet, planned, begin, every)
    if live:
        rate = devices * sensors / every
    ticks = fleet.samples(to_micros(begin), every, steps, planned)
    with progress("steps") as bars:
        bar = bars.add_task("Simulating", total=steps)
        sent, _ = _send(_warned(_one_by_one(ticks, lambda: bars.advance(bar))), rate)
    if as_json:
        print_json({"sent": sent, "from": begin, "anomalies": len(planned), "labels": str(labels)})
    else:
        results.print(f"Sent {sent:,} readings from {shown_time(begin)}; {len(planned)} anomalies in {labels}.")


def _check_device(device: str) -> None:
    from shared.readings.event import series_of

    if device and series_of(device, "sensor") is None:
        raise InvalidInput(f"{device[:80]!r} cannot be the name of a device.", "Give another --device.")


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
        return utc(start)
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
        warn("Whether these readings come too late could not be looked up:", error.message)
        sealed = None
    if sealed and first.time < to_micros(sealed):
        warn(
            f"Windows before {shown_time(sealed)} are closed.",
            "Older readings will be set aside as late. Bring history in before newer readings, or into a hub of its "
            "own (EVENT_HUB_NAME).",
        )
    return chain([first], iterator)


def _write_labels(path: Path, fleet: "Fleet", planned: "list[Anomaly]", begin: datetime, every: float) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["Device", "Tag", "Start", "End", "Kind"])
        for a in planned:
            ends = (begin + timedelta(seconds=every * step) for step in (a.start, a.end - 1))
            rows.writerow([*fleet.series[a.series], *(f"{end:%Y-%m-%dT%H:%M:%S.%fZ}" for end in ends), a.kind.value])


def _report_import(sent: int, behind: int, skipped: "Skipped", files: "list[CsvFile]", as_json: bool) -> None:
    if not sent:
        _say_skipped(skipped)
        raise InvalidInput("There was no reading in these files.")
    if as_json:
        print_json({"sent": sent, "files": len(files), "skipped": skipped.count, "behind": behind})
    else:
        results.print(f"Sent {sent:,} readings of {len(files)} {'file' if len(files) == 1 else 'files'}.")
    _say_skipped(skipped)
    if behind:
        warn(
            f"{behind:,} readings go further back in time than ALLOWED_LATENESS_SECONDS",
            "and will be set aside as late. Sort the files by time first.",
        )


def _say_skipped(skipped: "Skipped") -> None:
    if skipped.count:
        warn(f"{skipped.count:,} lines or cells were no readings,", "the first of them:")
        for example in skipped.examples:
            notes.print(f"  {example}")
