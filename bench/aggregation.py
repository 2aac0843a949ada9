"""How fast a batch of events becomes windows, beside a loop over json and dictionaries, and where the time goes.

python -m bench.aggregation [--json]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.readings import dataset
from shared.readings.advance import Batch, Limits, advance, unseen
from shared.readings.batch import parse_batch
from shared.readings.state import PartitionState, decode, encode, without_written
from shared.readings.timestamps import SECOND, to_micros
from shared.readings.window import Grid
from shared.storage import MemoryBlobs

ROUNDS, GAP = 9, 0.2
GRID, LIMITS = Grid(5 * SECOND, 60 * SECOND), Limits(10 * SECOND, 300 * SECOND)
START = datetime.fromisoformat("2018-04-06T20:59:00Z")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: what was measured, under which conditions, and the figures by name."""

    name: str
    figures: dict[str, float]


def events(count: int, series: int, first: int = 0, more: dict[str, Any] | None = None) -> Batch:
    """Events as the reference's devices send them, and `more` fields: each series once a second, five to a device."""
    numbers = range(first, first + count)
    bodies = []
    for n in numbers:
        moment = START + timedelta(seconds=n // series)
        one = n % series
        event = {
            "TS": f"{moment:%Y-%m-%dT%H:%M:%S}.7096564Z",
            "Device": one // 5,
            "Tag": one % 5,
            "Value": n * 0.37 % 90,
        }
        bodies.append(json.dumps(event | (more or {})).encode())
    return Batch.of(numbers, [to_micros(START) + SECOND * (n // series + 1) for n in numbers], bodies)


def plain_loop(batch: Batch) -> dict[tuple[str, str, float], list[float]]:
    """The straightforward way: json, one dictionary entry for each (device, sensor, window)."""
    windows: dict[tuple[str, str, float], list[float]] = {}
    for body in batch.bodies:
        event = json.loads(body)
        moment = datetime.fromisoformat(event["TS"]).timestamp()
        key = (str(event["Device"]), str(event["Tag"]), moment // 5 * 5 + 5)
        value = float(event["Value"])
        held = windows.get(key)
        if held is None:
            windows[key] = [1, value, value * value, value, value]
        else:
            held[0] += 1
            held[1] += value
            held[2] += value * value
            held[3] = min(held[3], value)
            held[4] = max(held[4], value)
    return windows


def whole_rule(state: PartitionState, batch: Batch) -> PartitionState:
    """What ingest does with a batch between loading and storing its state."""
    return advance(without_written(state), unseen(state, batch), LIMITS, "0")


def seconds(call: Callable[[], object]) -> float:
    """Seconds of processor time of one call: what else runs on the machine disturbs it less than the clock."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def interleaved(calls: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Median processor seconds per call of each, taken in turns with a pause between; the first turn warms up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):
        for name, call in calls.items():
            time.sleep(GAP)
            spent = statistics.median(seconds(call) for _ in range(repeat))
            if turn:
                taken[name].append(spent)
    return {name: statistics.median(times) for name, times in taken.items()}


def against_the_loop() -> Iterator[Row]:
    """Events a second (of processor time) of both ways, one thread, for the reference's events and larger ones."""
    for more in (None, {"Unit": "degrees Celsius", "Quality": 192, "Site": "north hall", "Firmware": "4.11.2-rc1"}):
        state = whole_rule(PartitionState(GRID), events(1_000, 15))
        for count in (100, 1_000, 10_000):
            batch = events(count, 15, 1_000, more)
            ways: dict[str, Callable[[], object]] = {
                "loop": partial(plain_loop, batch),
                "rule": partial(whole_rule, state, batch),
            }
            medians = interleaved(ways, max(1, 10_000 // count // 4))
            loop, rule = medians["loop"], medians["rule"]
            yield Row(
                f"{count:,} events of {len(batch.bodies[0])} bytes",
                {"json + dict, events/s": count / loop, "Tally, events/s": count / rule, "times": loop / rule},
            )


def stages() -> Iterator[Row]:
    """Processor milliseconds per batch of 1,000 in a steady stream, stage by stage."""
    for series in (15, 1_000, 10_000):
        state, first = PartitionState(GRID), 0
        while first < 70 * series and first < 700_000:  # past the first file, so that the state has its usual size
            batch = events(min(20_000, 7 * series), series, first)
            state, first = advance(without_written(state), batch, LIMITS, "0"), first + len(batch)
        yield _stages_of(without_written(state), events(1_000, series, first), series)


def _stages_of(state: PartitionState, batch: Batch, series: int) -> Row:
    after = advance(state, batch, LIMITS, "0")
    data = encode(after)
    sealed = after.rows.take(slice(0, len(after.rows)))
    calls: dict[str, Callable[[], object]] = {
        "parse": lambda: parse_batch(batch.bodies),
        "whole rule": lambda: advance(state, batch, LIMITS, "0"),
        "encode state": lambda: encode(after),
        "decode state (new process)": lambda: decode(data),
        "write a file interval": lambda: dataset.write(MemoryBlobs(), "0", sealed, after.names.series, GRID),
    }
    figures = {f"{name}, ms": 1e3 * taken for name, taken in interleaved(calls, 3).items()}
    return Row(f"{series:,} series", figures | {"state, kB": len(data) / 1e3, "rows in it": float(len(after.rows))})


def show(title: str, rows: list[Row]) -> Table:
    """A table of rows that have the same figures."""
    table = Table("", *rows[0].figures, title=title, title_justify="left")
    for row in rows:
        table.add_row(
            row.name, *(f"{figure:,.2f}" if figure < 100 else f"{figure:,.0f}" for figure in row.figures.values())
        )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON lines in place of tables")
    as_json = parser.parse_args().json
    for title, made in (("Events into windows", against_the_loop()), ("A batch of 1,000 events", stages())):
        rows = list(made)
        if as_json:
            records: list[dict[str, Any]] = [{"bench": title, "case": row.name, **row.figures} for row in rows]
            print("\n".join(map(json.dumps, records)))
        else:
            Console().print(show(title, rows))


if __name__ == "__main__":
    main()
