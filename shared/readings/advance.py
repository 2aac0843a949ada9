"""The one rule of ingest, without input or output: a state and a batch of events give the next state."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from logging import WARNING
from typing import Self

import numpy as np

from shared.readings.aside import Late, Reject, aside_files, late, reject
from shared.readings.batch import Parsed, parse_batch
from shared.readings.event import Reading, Reason, Series
from shared.readings.state import NEVER, Counters, Names, PartitionState
from shared.readings.timestamps import SECOND
from shared.readings.window import Ints, fold
from shared.settings import Settings
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one partition: sequence numbers, microseconds at which the hub got them, bodies."""

    sequences: Ints
    enqueued: Ints
    bodies: Sequence[bytes]

    @classmethod
    def of(cls, sequences: Sequence[int], enqueued: Sequence[int], bodies: Sequence[bytes]) -> Self:
        """A batch from plain numbers."""
        return cls(np.array(sequences, np.int64), np.array(enqueued, np.int64), bodies)

    def __len__(self) -> int:
        return len(self.bodies)


@dataclass(frozen=True, slots=True)
class Limits:
    """How late and how far ahead of its arrival a reading may be, in microseconds."""

    lateness: int
    ahead: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the settings ask for."""
        return cls(settings.allowed_lateness_seconds * SECOND, settings.max_ahead_seconds * SECOND)


def unseen(state: PartitionState, batch: Batch) -> Batch:
    """The events that the state does not hold yet, in order of their sequence numbers.

    Sequence numbers that start again, with later enqueued times than any seen, mean that the hub was made anew.
    """
    if not len(batch):
        return batch
    last, first = state.last_sequence, int(batch.sequences.min())
    if first <= last and batch.enqueued.min() > state.last_enqueued:
        log("sequence numbers start again: a new hub", level=WARNING, first=first, last=last)
        last = -1
    if batch.sequences[0] > last and (np.diff(batch.sequences) > 0).all():
        return batch
    distinct, position = np.unique(batch.sequences, return_index=True)
    kept = position[distinct > last]
    return Batch(batch.sequences[kept], batch.enqueued[kept], [batch.bodies[i] for i in kept.tolist()])


def advance(state: PartitionState, batch: Batch, limits: Limits, partition: str) -> PartitionState:
    """The state after the (unseen) events of a batch.

    The watermark is the newest event time so far less the allowed lateness, and moves with every event: whether a
    reading is late depends on the events before it, never on where a batch ends.
    """
    parsed = parse_batch(batch.bodies)
    reasons = parsed.reasons | _too_far_ahead(parsed, batch, limits)
    good = np.delete(np.arange(len(batch)), list(reasons)) if reasons else np.arange(len(batch))
    before, after = _watermarks(state, parsed.times[good], limits)
    windows = parsed.times[good] // state.grid.window
    on_time = (windows + 1) * state.grid.window > before
    kept = good[on_time]
    series = parsed.series if len(kept) == len(batch) else [parsed.series[i] for i in kept.tolist()]
    names, numbers = _numbered(state.names, series)
    lates = _lates(batch, parsed, good[~on_time], before[~on_time])
    rejects = _rejects(batch, reasons)
    return replace(
        state,
        last_sequence=int(batch.sequences.max()),
        last_enqueued=max(state.last_enqueued, int(batch.enqueued.max())),
        newest=max(state.newest, int(parsed.times[good].max(initial=NEVER))),
        watermark=after,
        names=names,
        rows=fold(state.rows, windows[on_time], numbers, parsed.values[kept]),
        aside=aside_files(partition, int(batch.enqueued[0]), lates, rejects),
        counters=_counted(state.counters, len(batch), lates, rejects),
    )


def _too_far_ahead(parsed: Parsed, batch: Batch, limits: Limits) -> dict[int, Reason]:
    """One device with a clock in the future must not close everybody's windows."""
    ahead = parsed.times > batch.enqueued + limits.ahead
    return {i: Reason.TOO_FAR_AHEAD for i in np.flatnonzero(ahead).tolist() if i not in parsed.reasons}


def _watermarks(state: PartitionState, times: Ints, limits: Limits) -> tuple[Ints, int]:
    """The watermark before each reading, and the one after all."""
    newest = np.maximum.accumulate(np.concatenate([[state.newest], times]))
    marks = np.maximum(newest - limits.lateness, state.watermark)
    return marks[:-1], int(marks[-1])


def _lates(batch: Batch, parsed: Parsed, positions: Ints, watermarks: Ints) -> list[Late]:
    return [
        late(
            int(batch.sequences[i]),
            Reading(int(parsed.times[i]), parsed.series[i], float(parsed.values[i])),
            watermark,
        )
        for i, watermark in zip(positions.tolist(), watermarks.tolist(), strict=True)
    ]


def _rejects(batch: Batch, reasons: dict[int, Reason]) -> list[Reject]:
    return [
        reject(int(batch.sequences[i]), int(batch.enqueued[i]), reasons[i], batch.bodies[i]) for i in sorted(reasons)
    ]


def _numbered(names: Names, series: Sequence[Series]) -> tuple[Names, Ints]:
    """Index of each series, and the names with the new ones at the end."""
    numbers = list(map(names.index.get, series))
    if None in numbers:
        new = dict.fromkeys(pair for pair, number in zip(series, numbers, strict=True) if number is None)
        names = Names(names.series + list(new))
        numbers = list(map(names.index.get, series))
    return names, np.array(numbers, np.int64)


def _counted(counters: Counters, events: int, lates: list[Late], rejects: list[Reject]) -> Counters:
    reasons = Counter(counters.rejects) + Counter(record.reason for record in rejects)
    return Counters(counters.events + events, counters.late + len(lates), counters.rows, dict(reasons))
