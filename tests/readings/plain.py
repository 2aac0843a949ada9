"""The contract of ingest in its plainest form: one dictionary, one event after another. Tests compare with it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import fsum, sqrt

import polars as pl

from shared.readings.advance import Batch, Limits
from shared.readings.dataset import read_windows
from shared.readings.event import Refused, parse_event
from shared.readings.ingest import Ends, Ingestor
from shared.readings.timestamps import SECOND, from_micros, to_micros
from shared.readings.window import Grid
from shared.storage import Blob, BlobInfo, BlobStore, MemoryBlobs

START = datetime(2018, 4, 6, 20, 59, 30, tzinfo=UTC)
WALL = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW, FILE, LATENESS, AHEAD, IDLE = 5, 60, 10, 300, 60  # seconds


class Killed(BaseException):
    """The process died here: not even `except Exception` sees it."""


@dataclass
class Account:
    """The three containers of ingest, with a plan of when the process using them dies."""

    states: MemoryBlobs = field(default_factory=MemoryBlobs)
    windows: MemoryBlobs = field(default_factory=MemoryBlobs)
    aside: MemoryBlobs = field(default_factory=MemoryBlobs)

    def ingestor(
        self, before_put: Callable[[str], None] = lambda _: None, window: int = WINDOW, ends: Ends = dict
    ) -> Ingestor:
        """A new process on these containers; `before_put` may raise; `ends` tells what the hub holds."""
        stores = (Watched(store, before_put) for store in (self.states, self.windows, self.aside))
        return Ingestor(
            *stores,
            "readings",
            Grid(window * SECOND, FILE * SECOND),
            Limits(LATENESS * SECOND, AHEAD * SECOND),
            IDLE * SECOND,
            ends,
        )

    def close(self) -> None:
        """Let the stream fall silent for long enough."""
        ingestor = self.ingestor()
        for minute in range(3):
            ingestor.flush(WALL + timedelta(seconds=minute * IDLE))

    def rows(self) -> pl.DataFrame:
        """All windows that were written."""
        return read_windows(self.windows, START - timedelta(days=2), START + timedelta(days=2))

    def files(self) -> dict[str, bytes]:
        """Content of every Parquet file."""
        return {name: data for name, (data, _) in self.windows.blobs.items()}

    def records(self, kind: str) -> list[dict[str, object]]:
        """What was set aside: `late` or `rejects`, in order of the sequence numbers."""
        blobs = [data for name, (data, _) in self.aside.blobs.items() if name.startswith(f"{kind}/")]
        records = [json.loads(line) for data in blobs for line in data.splitlines()]
        return sorted(records, key=lambda record: record["sequence"])


@dataclass
class Watched:
    """A store that calls `before_put` before and after every write."""

    store: BlobStore
    before_put: Callable[[str], None]

    def get(self, name: str) -> Blob | None:
        return self.store.get(name)

    def put(self, name: str, data: bytes, *, etag: str | None = None, new: bool = False) -> str:
        self.before_put(name)
        etag = self.store.put(name, data, etag=etag, new=new)
        self.before_put(name)
        return etag

    def list(self, prefix: str = "") -> "list[BlobInfo]":
        return list(self.store.list(prefix))

    def delete(self, name: str) -> None:
        self.store.delete(name)


def body(seconds: float, value: object = 1.0, device: object = "pump", sensor: object = "t") -> bytes:
    """An event's body, `seconds` after START."""
    time = (START + timedelta(seconds=seconds)).isoformat()
    return json.dumps({"TS": time, "Device": device, "Tag": sensor, "Value": value}).encode()


def batch(bodies: Sequence[bytes], first: int = 0, enqueued: datetime = START) -> Batch:
    """Consecutive events, a millisecond apart by the hub's clock."""
    sequences = range(first, first + len(bodies))
    return Batch.of(sequences, [to_micros(enqueued) + 1000 * s for s in sequences], list(bodies))


def slice_of(whole: Batch, start: int, end: int) -> Batch:
    """A part of a batch, by position."""
    return Batch(whole.sequences[start:end], whole.enqueued[start:end], whole.bodies[start:end])


@dataclass
class Expected:
    """What any way of delivering the events must come to."""

    windows: dict[tuple[str, str, datetime], list[float]] = field(default_factory=dict)
    late: list[int] = field(default_factory=list)
    rejects: list[int] = field(default_factory=list)

    def rows(self) -> list[tuple[object, ...]]:
        """(device, sensor, window_end, count, mean, min, max, std), sorted."""
        return [
            (*key, len(v), _mean(v), min(v), max(v), sqrt(fsum((x - _mean(v)) ** 2 for x in v) / len(v)))
            for key, v in sorted(self.windows.items())
        ]


def expected(events: Batch) -> Expected:
    """The contract, event by event."""
    result, watermark = Expected(), None
    for sequence, enqueued, data in zip(
        events.sequences.tolist(), events.enqueued.tolist(), events.bodies, strict=True
    ):
        try:
            reading = parse_event(data)
        except Refused:
            result.rejects.append(sequence)
            continue
        if reading.time > enqueued + AHEAD * SECOND:
            result.rejects.append(sequence)
            continue
        end = (reading.time // (WINDOW * SECOND) + 1) * WINDOW * SECOND
        if watermark is not None and end <= watermark:
            result.late.append(sequence)
        else:
            result.windows.setdefault((*reading.series, from_micros(end)), []).append(reading.value)
        watermark = max(watermark or 0, reading.time - LATENESS * SECOND)
    return result


def _mean(values: list[float]) -> float:
    return fsum(values) / len(values)
