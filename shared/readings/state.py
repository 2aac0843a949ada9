"""What a partition remembers: one blob that is both its open windows and the log of what still has to be written."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from shared.errors import InvalidInput
from shared.readings.event import Series
from shared.readings.timestamps import from_micros
from shared.readings.window import COLUMNS, Grid, Rows
from shared.storage import BlobStore

VERSION = 1
NEVER = -(2**62)  # an event time before all others, in microseconds


@dataclass(frozen=True)
class Names:
    """The series that have rows, by index."""

    series: list[Series] = field(default_factory=list)

    @cached_property
    def index(self) -> dict[Series, int]:
        """Index of each series."""
        return {pair: i for i, pair in enumerate(self.series)}


@dataclass(frozen=True, slots=True)
class Counters:
    """What happened to the events of a partition since its first; `rows` are those known to be written."""

    events: int = 0
    late: int = 0
    rows: int = 0
    rejects: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """A partition after some event. Times are microseconds since 1970.

    Rows of file intervals that end at or before `watermark` are sealed: they never change again, and together with
    `aside` (blob name to content) they are what a commit promises to write. The next commit drops them.
    """

    grid: Grid
    last_sequence: int = -1
    last_enqueued: int = NEVER
    newest: int = NEVER  # the highest event time
    watermark: int = NEVER  # every window that ends at or before it is closed
    names: Names = field(default_factory=Names)
    rows: Rows = field(default_factory=Rows.empty)
    aside: dict[str, bytes] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)

    @property
    def sealed_rows(self) -> int:
        """How many rows are sealed; they come first."""
        if not len(self.rows) or self.watermark == NEVER:
            return 0
        return self.rows.before(self.grid.floor(self.watermark), self.grid)

    @property
    def owes_files(self) -> bool:
        """Whether anything is still to be written, as far as the state knows."""
        return bool(self.aside) or self.sealed_rows > 0

    @property
    def sealed_until(self) -> int | None:
        """Event time before which every window is known to be in its file; None before the first event."""
        if self.watermark == NEVER:
            return None
        if self.sealed_rows:
            return self.grid.floor(int(self.rows.starts(self.grid)[0]))
        return self.grid.floor(self.watermark)


def without_written(state: PartitionState) -> PartitionState:
    """The state once its files are known to be written."""
    if not state.owes_files:
        return state
    rows = state.rows.take(slice(state.sealed_rows, None))
    counters = replace(state.counters, rows=state.counters.rows + state.sealed_rows)
    state = replace(state, aside={}, counters=counters)
    used = np.unique(rows.series)
    if len(used) == len(state.names.series):
        return replace(state, rows=rows)
    numbers = np.zeros(len(state.names.series), np.int64)
    numbers[used] = np.arange(len(used))
    names = Names([state.names.series[i] for i in used.tolist()])
    return replace(state, rows=rows.renumbered(numbers), names=names)


def all_sealed(state: PartitionState) -> PartitionState:
    """The state with its watermark after everything that is open."""
    if not len(state.rows):
        return state
    last = int(state.rows.starts(state.grid)[-1])
    return replace(state, watermark=max(state.watermark, state.grid.floor(last) + state.grid.file))


def on_grid(state: PartitionState, grid: Grid) -> PartitionState:
    """A state without rows on another grid. Its watermark moves on to a boundary of both, so no file meets another."""
    if state.watermark == NEVER:
        return replace(state, grid=grid)
    return replace(state, grid=grid, watermark=grid.ceil(state.grid.ceil(state.watermark)))


class _Stored(msgspec.Struct):
    version: int
    window: int
    file: int
    last_sequence: int
    last_enqueued: int
    newest: int
    watermark: int
    devices: list[str]
    sensors: list[str]
    columns: dict[str, bytes]
    aside: dict[str, bytes]
    events: int
    late: int
    rows: int
    rejects: dict[str, int]


_COPIED = ("last_sequence", "last_enqueued", "newest", "watermark", "aside")
_COUNTED = ("events", "late", "rows", "rejects")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Stored)


def encode(state: PartitionState) -> bytes:
    """The state as MessagePack, its columns as little-endian bytes."""
    values: dict[str, Any] = {name: getattr(state, name) for name in _COPIED}
    values |= {name: getattr(state.counters, name) for name in _COUNTED}
    columns = {name: getattr(state.rows, name).tobytes() for name in COLUMNS}
    devices, sensors = [s[0] for s in state.names.series], [s[1] for s in state.names.series]
    values |= {"window": state.grid.window, "file": state.grid.file}
    return _encoder.encode(_Stored(VERSION, devices=devices, sensors=sensors, columns=columns, **values))


def decode(data: bytes) -> PartitionState:
    """The state in a blob; raises InvalidInput where it is not one of this version."""
    try:
        stored = _decoder.decode(data)
        if stored.version != VERSION:
            raise ValueError(f"it has version {stored.version}, not {VERSION}")
        columns = {name: _column(stored.columns[name], name) for name in COLUMNS}
        if len({len(column) for column in columns.values()}) != 1:
            raise ValueError("its columns have different lengths")
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise InvalidInput(
            f"A partition's state cannot be read: {error}.", "It was written by another version, or damaged."
        ) from error
    copied: dict[str, Any] = {name: getattr(stored, name) for name in _COPIED}
    counters = Counters(*(getattr(stored, name) for name in _COUNTED))
    names = Names(list(zip(stored.devices, stored.sensors, strict=True)))
    return PartitionState(
        Grid(stored.window, stored.file), names=names, rows=Rows(**columns), counters=counters, **copied
    )


def _column(data: bytes, name: str) -> Any:
    return np.frombuffer(data, np.int64 if name in ("key", "count") else np.float64)


def sealed_until(states: BlobStore, hub: str) -> datetime | None:
    """Event time before which every window of the hub is in its file, over all partitions that ever had an event.

    `states` is the control container `ingest`. None before the first reading. It never goes back.
    """
    marks = [decode(blob.data).sealed_until for info in states.list(f"{hub}/") if (blob := states.get(info.name))]
    known = [mark for mark in marks if mark is not None]
    return from_micros(min(known)) if known else None
