"""Ingest of a partition: commit first, then write what the commit promised, so that a kill anywhere costs nothing.

The state blob is a write-ahead log. It is replaced under its ETag, with the sealed rows and the records of what was
set aside inside; only then are their files written, under names and with bytes that follow from the state alone.
Whoever comes next, in any process, writes them again unless it knows that they were written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, partial
from logging import WARNING
from typing import NamedTuple, Self

from shared.errors import Conflict, TallyError
from shared.readings import dataset
from shared.readings.advance import Batch, Limits, advance, unseen
from shared.readings.state import NEVER, PartitionState, all_sealed, decode, encode, on_grid, without_written
from shared.readings.timestamps import SECOND, to_micros
from shared.readings.window import Grid
from shared.settings import Settings
from shared.storage import BlobStore, Storage, retry_conflicts
from shared.telemetry import log

_LONGEST_PAUSE = 600 * SECOND  # between two looks at a partition; after a longer one, waiting starts anew


class Ingested(NamedTuple):
    """What became of a batch: events taken in, events seen before, files written."""

    events: int
    duplicates: int
    files: int


@dataclass(frozen=True, slots=True)
class Held:
    """A committed state, the ETag it has (None: no blob yet), and whether this process wrote its files."""

    state: PartitionState
    etag: str | None
    written: bool


type Sequences = Mapping[str, int]


class _Look(NamedTuple):
    """A partition as the flush saw it: last sequence number, wall clock since when, and of the latest look."""

    sequence: int
    since: int
    looked: int


type Ends = Callable[[], Mapping[str, int] | None]
"""Tells the sequence number of the last event in each partition of the hub; what it leaves out has none waiting."""


@dataclass(slots=True)
class Ingestor:
    """Ingests into one hub's partitions. Safe to use from several threads, processes and machines at once."""

    states: BlobStore
    windows: BlobStore
    aside: BlobStore
    hub: str
    grid: Grid
    limits: Limits
    idle: int  # microseconds
    ends: Ends = dict
    _held: dict[str, Held] = field(default_factory=dict)
    _seen: dict[str, _Look] = field(default_factory=dict)

    @classmethod
    def of(cls, storage: Storage, settings: Settings, ends: Ends = dict) -> Self:
        """An ingestor on the containers `ingest`, `windows` and `aside`."""
        return cls(
            storage.control("ingest"),
            storage.data("windows"),
            storage.data("aside"),
            settings.event_hub_name,
            Grid.of(settings),
            Limits.of(settings),
            settings.idle_seconds * SECOND,
            ends,
        )

    def ingest(self, partition: str, batch: Batch) -> Ingested:
        """Take in a batch; every event counts once, however often it comes. Raises Overloaded when always outrun."""
        return self._until_committed(partition, partial(self._ingest, partition, batch))

    def flush(self, now: datetime) -> int:
        """Write what is sealed, and seal what is open in partitions gone silent; returns how many files it wrote.

        `now` is the wall clock. A partition that has events waiting in the hub is behind, not silent. Partitions that
        stay silent follow the others' watermark, so that what they bring
        later is late rather than unseen by the runs that went on without them.
        """
        partitions = self._partitions()
        still = self._standing(partitions, to_micros(now))
        ends = cache(self._known_ends)
        files = sum(self._until_committed(p, partial(self._flush, p, still, ends)) for p in partitions)
        self._follow(partitions, still)
        return files

    def _partitions(self) -> list[str]:
        """The partitions that have a state; forgets what others have changed since."""
        etags = {info.name.removeprefix(f"{self.hub}/"): info.etag for info in self.states.list(f"{self.hub}/")}
        for partition, etag in etags.items():
            held = self._held.get(partition)
            if held is not None and (held.etag or "").strip('"') != etag.strip('"'):  # listings omit the quotes
                self._held.pop(partition, None)
        return list(etags)

    def _until_committed[T](self, partition: str, attempt: Callable[[], T]) -> T:
        def from_what_is_held() -> T:
            try:
                return attempt()
            except Conflict:
                log("a partition moved on elsewhere: loading its state again", partition=partition)
                self._held.pop(partition, None)
                raise

        return retry_conflicts(from_what_is_held, f"Partition {partition}")

    def _ingest(self, partition: str, batch: Batch) -> Ingested:
        held, files = self._settled(partition, self._load(partition))
        if held.state.grid != self.grid:
            held, more = self._regridded(partition, held)
            files += more
        new = unseen(held.state, batch)
        if len(new):
            state = advance(without_written(held.state), new, self.limits, partition)
            held, more = self._committed(partition, held, state)
            files += more
        return Ingested(len(new), len(batch) - len(new), files)

    def _flush(self, partition: str, still: Sequences, ends: Ends) -> int:
        held, files = self._settled(partition, self._load(partition))
        state = without_written(held.state)
        if len(state.rows) and _is_silent(partition, state, still, ends):
            state = all_sealed(state)
        if state is not held.state:
            held, more = self._committed(partition, held, state)
            files += more
        if held.state.owes_files:
            self._committed(partition, held, without_written(held.state))
        return files

    def _follow(self, partitions: list[str], still: Sequences) -> None:
        """Raise the watermark of partitions with nothing open to the busy ones', or where none is to the furthest."""
        states = {p: self._load(p).state for p in partitions}
        drained = {p for p, state in states.items() if _is_drained(state) and still.get(p) == state.last_sequence}
        busy = [state.watermark for p, state in states.items() if p not in drained]
        goal = min(busy) if busy else max((state.watermark for state in states.values()), default=NEVER)
        ends = cache(self._known_ends)  # asked after the goal was seen: what is sent later is no older than the goal
        for partition in sorted(p for p in drained if states[p].watermark < goal):
            self._until_committed(partition, partial(self._raise, partition, goal, still, ends))

    def _raise(self, partition: str, goal: int, still: Sequences, ends: Ends) -> None:
        held = self._load(partition)
        if _is_drained(held.state) and _is_silent(partition, held.state, still, ends):
            self._committed(partition, held, replace(held.state, watermark=max(goal, held.state.watermark)))

    def _known_ends(self) -> Sequences | None:
        try:
            return self.ends()
        except TallyError as error:
            log("whether events are waiting is unknown: nothing is closed", level=WARNING, error=error)
            return None

    def _standing(self, partitions: list[str], now: int) -> Sequences:
        """The partitions that this process has seen stand still for the idle time, each with where it stands.

        The time of the last event would not do: after the host itself was down, events may be waiting.
        """
        for partition in partitions:
            sequence = self._load(partition).state.last_sequence
            seen = self._seen.get(partition)
            if seen is None or seen.sequence != sequence or now - seen.looked > _LONGEST_PAUSE:
                seen = _Look(sequence, now, now)
            self._seen[partition] = seen._replace(looked=now)
        return {p: seen.sequence for p, seen in self._seen.items() if now - seen.since >= self.idle}

    def _regridded(self, partition: str, held: Held) -> tuple[Held, int]:
        """The settings changed: everything open is sealed as it was begun, and the new windows start after it."""
        held, files = self._committed(partition, held, all_sealed(without_written(held.state)))
        held, _ = self._committed(partition, held, on_grid(without_written(held.state), self.grid))
        return held, files

    def _load(self, partition: str) -> Held:
        """What this process holds of a partition, if anything: a stale state fails at its commit."""
        held = self._held.get(partition)
        if held is None:
            blob = self.states.get(f"{self.hub}/{partition}")
            state = decode(blob.data) if blob else PartitionState(self.grid)
            held = self._held[partition] = Held(state, blob.etag if blob else None, not state.owes_files)
        return held

    def _committed(self, partition: str, held: Held, state: PartitionState) -> tuple[Held, int]:
        """Commit a state that follows the held one, then write its files; returns how many."""
        self._held.pop(partition, None)
        name = f"{self.hub}/{partition}"
        etag = self.states.put(name, encode(state), etag=held.etag, new=held.etag is None)
        held = self._held[partition] = Held(state, etag, not state.owes_files)
        return self._settled(partition, held)

    def _settled(self, partition: str, held: Held) -> tuple[Held, int]:
        """What a committed state promised, written; returns how many files that took."""
        if held.written:
            return held, 0
        state = held.state
        for name, content in state.aside.items():
            self.aside.put(name, content)
        sealed = state.rows.take(slice(state.sealed_rows))
        files = dataset.write(self.windows, partition, sealed, state.names.series, state.grid)
        held = self._held[partition] = replace(held, written=True)
        return held, files + len(state.aside)


def _is_silent(partition: str, state: PartitionState, still: Sequences, ends: Ends) -> bool:
    """Whether the partition still stands where it stood, and the hub is known to hold nothing more of it."""
    if still.get(partition) != state.last_sequence:
        return False
    held = ends()
    return held is not None and held.get(partition, -1) <= state.last_sequence


def _is_drained(state: PartitionState) -> bool:
    return not len(state.rows) and not state.aside
