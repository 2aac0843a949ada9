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
from shared.readings.state import NEVER, Names, PartitionState
from shared.readings.timestamps import SECOND
from shared.readings.window import Ints, fold
from shared.settings import Settings
from shared.telemetry import log


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one partition: sequence numbers, microseconds at which the hub got them, bodies."""

    sequences: Sequence[int]
    enqueued: Sequence[int]
    bodies: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.sequences)


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
    last = state.last_sequence
    if min(batch.sequences) <= last and min(batch.enqueued) > state.last_enqueued:
        log("sequence numbers start again: a new hub", level=WARNING, first=min(batch.sequences), last=last)
        last = -1
    sequences = np.array(batch.sequences, np.int64)
    if sequences[0] > last and (np.diff(sequences) > 0).all():
        return batch
    distinct, position = np.unique(sequences, return_index=True)
    kept = position[distinct > last].tolist()
    return Batch([batch.sequences[i] for i in kept], [batch.enqueued[i] for i in kept], [batch.bodies[i] for i in kept])


def advance(state: PartitionState, batch: Batch, limits: Limits, partition: str) -> PartitionState:
    """The state after the (unseen) events of a batch.

    The watermark is the newest event time so far less the allowed lateness, and moves with every event: whether a
    reading is late depends on the events before it, never on where a batch ends.
    """
    parsed = parse_batch(batch.bodies)
    reasons = parsed.reasons | _too_far_ahead(parsed, batch, limits)
    good = np.delete(np.arange(len(batch)), list(reasons))
    before, after = _watermarks(state, parsed.times[good], limits)
    windows = parsed.times[good] // state.grid.window
    is_late = (windows + 1) * state.grid.window <= before
    kept, lates = good[~is_late], _lates(batch, parsed, good[is_late], before[is_late])
    names, series = _numbered(state.names, [parsed.series[i] for i in kept.tolist()])
    rows = fold(state.rows, windows[~is_late], series, parsed.values[kept])
    rejects = [reject(batch.sequences[i], batch.enqueued[i], reasons[i], batch.bodies[i]) for i in sorted(reasons)]
    advanced = replace(
        state,
        last_sequence=max(batch.sequences),
        last_enqueued=max(state.last_enqueued, max(batch.enqueued)),
        newest=max(state.newest, int(parsed.times[good].max(initial=NEVER))),
        watermark=after,
        names=names,
        rows=rows,
        aside=aside_files(partition, batch.enqueued[0], lates, rejects),
    )
    return _counted(advanced, state, len(batch), lates, rejects)


def _too_far_ahead(parsed: Parsed, batch: Batch, limits: Limits) -> dict[int, Reason]:
    """One device with a clock in the future must not close everybody's windows."""
    ahead = parsed.times > np.array(batch.enqueued, np.int64) + limits.ahead
    return {i: Reason.TOO_FAR_AHEAD for i in np.flatnonzero(ahead).tolist() if i not in parsed.reasons}


def _watermarks(state: PartitionState, times: Ints, limits: Limits) -> tuple[Ints, int]:
    """The watermark before each reading, and the one after all."""
    newest = np.maximum.accumulate(np.concatenate([[state.newest], times]))
    marks = np.maximum(newest - limits.lateness, state.watermark)
    return marks[:-1], int(marks[-1])


def _lates(batch: Batch, parsed: Parsed, positions: Ints, watermarks: Ints) -> list[Late]:
    return [
        late(
            batch.sequences[i],
            Reading(int(parsed.times[i]), parsed.series[i], float(parsed.values[i])),
            int(watermark),
        )
        for i, watermark in zip(positions.tolist(), watermarks.tolist(), strict=True)
    ]


def _numbered(names: Names, series: Sequence[Series]) -> tuple[Names, Ints]:
    """Index of each series, and the names with the new ones at the end."""
    numbers = list(map(names.index.get, series))
    if None in numbers:
        new = dict.fromkeys(pair for pair, number in zip(series, numbers, strict=True) if number is None)
        names = Names(names.series + list(new))
        numbers = list(map(names.index.get, series))
    return names, np.array(numbers, np.int64)


def _counted(
    advanced: PartitionState, before: PartitionState, events: int, lates: list[Late], rejects: list[Reject]
) -> PartitionState:
    reasons = Counter(record.reason for record in rejects)
    counters = replace(
        before.counters,
        events=before.counters.events + events,
        late=before.counters.late + len(lates),
        rejects={k: reasons[k] + before.counters.rejects.get(k, 0) for k in reasons | before.counters.rejects},
    )
    return replace(advanced, counters=counters)
