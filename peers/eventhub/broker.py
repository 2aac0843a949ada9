"""Hubs, partitions and who reads them: everything an event hub is apart from the wire."""

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peers.eventhub import wording
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.log import PartitionLog
from peers.eventhub.messages import Message
from shared.errors import SettingsError
from shared.readings.partition_key import last_code, partition_of

DEFAULT_GROUP = "$Default"
MOST_READERS = 5
"""Receivers without epoch that a partition has for each consumer group, as documented."""


@dataclass(frozen=True, slots=True)
class HubSpec:
    """A hub to serve."""

    name: str
    partitions: int = 4
    groups: tuple[str, ...] = (DEFAULT_GROUP,)


@dataclass(frozen=True, slots=True)
class Publish:
    """What a publish hook sees: `count` messages about to be stored."""

    hub: str
    partition: int
    count: int


class DropConnection(Exception):
    """Raised by a publish hook: the connection breaks before the producer hears, with the events stored or not."""

    def __init__(self, *, stored: bool) -> None:
        super().__init__(f"connection dropped, events {'stored' if stored else 'not stored'}")
        self.stored = stored


type PublishHook = Callable[[Publish], None]
"""Called before a batch is stored. May raise AmqpError to refuse it, or DropConnection."""


class Reader(Protocol):
    """A consumer's link as its partition sees it."""

    group: str
    name: str
    epoch: int | None
    leaving: bool

    def wake(self) -> None:
        """There is more to read."""

    def steal(self, description: str) -> None:
        """Another consumer with the same or a higher owner level has taken over: leave, soon."""


class Partition:
    """One partition: its log and its present readers."""

    def __init__(self, log: PartitionLog, system: str) -> None:
        self.log = log
        self._system = system
        self._readers: list[Reader] = []

    def append(self, messages: Sequence[Message], now: int) -> None:
        """Stores the messages and wakes the readers. OSError if the disk refuses."""
        self.log.append(messages, now)
        for reader in list(self._readers):
            reader.wake()

    def join(self, reader: Reader) -> None:
        """Admits a reader and takes the partition from those it outranks.

        AmqpError if it is outranked (stolen), or if there are enough without epoch (limit exceeded).
        """
        rivals = [other for other in self._readers if other.group == reader.group and not other.leaving]
        system = f"{self._system}|{reader.group}"
        highest = max((rival.epoch for rival in rivals if rival.epoch is not None), default=None)
        if highest is not None and (reader.epoch is None or reader.epoch < highest):
            raise AmqpError(Condition.STOLEN, wording.outranked(reader.name, reader.epoch, highest, system))
        if reader.epoch is not None:
            for rival in rivals:
                rival.steal(wording.stolen(rival.name, rival.epoch, reader.name, reader.epoch, system))
        elif len(rivals) >= MOST_READERS:
            raise AmqpError(Condition.LIMIT_EXCEEDED, wording.too_many_readers(MOST_READERS, system))
        self._readers.append(reader)

    def leave(self, reader: Reader) -> None:
        """Forgets a reader; one already forgotten is fine."""
        if reader in self._readers:
            self._readers.remove(reader)


class Hub:
    """One event hub."""

    def __init__(self, spec: HubSpec, folder: Path | None, created: int) -> None:
        self.name = spec.name
        self.groups = frozenset(group.lower() for group in spec.groups)
        self.created = created
        paths = [folder / f"{number:03d}.log" if folder else None for number in range(spec.partitions)]
        self.partitions = [
            Partition(
                PartitionLog(path),
                f"{wording.NAMESPACE}:eventhub:{spec.name.lower()}~{last_code(number, spec.partitions)}",
            )
            for number, path in enumerate(paths)
        ]
        self._turn = 0

    def partition(self, name: object) -> Partition:
        """The partition with this id. AmqpError if there is none."""
        number = int(name) if isinstance(name, str) and name.isdecimal() and len(name) < 6 else -1
        if not 0 <= number < len(self.partitions):
            raise AmqpError(Condition.OUT_OF_RANGE, wording.no_such_partition(len(self.partitions)))
        return self.partitions[number]

    def route(self, key: str | None) -> int:
        """The partition number for a batch with this key; without one, each in turn."""
        if key is not None:
            return partition_of(key, len(self.partitions))
        self._turn = (self._turn + 1) % len(self.partitions)
        return self._turn


class Broker:
    """All hubs of one server. Holds files open and a lock on the data folder: close it."""

    def __init__(self, specs: Sequence[HubSpec], data: Path | None = None, on_publish: PublishHook | None = None):
        names = [spec.name.lower() for spec in specs]
        if len(set(names)) < len(names):
            raise SettingsError("Two hubs have the same name.", "Case does not count: give each its own.")
        self.on_publish = on_publish
        self._lock = _lock(data) if data else None
        created = now_ms()
        self._hubs = {}
        for spec in specs:
            folder = data / spec.name.lower() if data else None
            if folder:
                _check_size(spec, folder)
            self._hubs[spec.name.lower()] = Hub(spec, folder, created)

    def hub(self, name: object) -> Hub:
        """The hub of this name, in any case. AmqpError if there is none."""
        hub = self._hubs.get(name.lower()) if isinstance(name, str) else None
        if not hub:
            address = f"sb://{wording.NAMESPACE}/{name}"
            raise AmqpError(Condition.NOT_FOUND, wording.no_such_entity(address, str(name)))
        return hub

    def publish(self, hub: Hub, number: int | None, messages: Sequence[Message]) -> None:
        """Stores one delivery in one partition. AmqpError if it is refused, DropConnection if a test asks for it."""
        if not messages:
            return
        if number is None:
            number = hub.route(messages[0].key)
        try:
            if self.on_publish:
                self.on_publish(Publish(hub.name, number, len(messages)))
        except DropConnection as drop:
            if drop.stored:
                _store(hub.partitions[number], messages)
            raise
        _store(hub.partitions[number], messages)

    def close(self) -> None:
        """Flushes and closes all files."""
        for hub in self._hubs.values():
            for partition in hub.partitions:
                partition.log.close()
        if self._lock is not None:
            os.close(self._lock)


def _store(partition: Partition, messages: Sequence[Message]) -> None:
    try:
        partition.append(messages, now_ms())
    except OSError as error:
        raise AmqpError(Condition.INTERNAL, f"The events could not be stored: {error.strerror}.") from error


def now_ms() -> int:
    """Milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000


def _check_size(spec: HubSpec, folder: Path) -> None:
    there = len(list(folder.glob("*.log")))
    if there > spec.partitions:
        raise SettingsError(
            f"Hub {spec.name} has {there} partitions in {folder}, {spec.partitions} were asked for.",
            "A hub cannot shrink: ask for as many, or give --data another folder.",
        )


def _lock(data: Path) -> int:
    data.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SettingsError(
            f"{data} is in use by another Event Hubs peer.", "Stop that one, or give --data another folder."
        ) from error
    return descriptor
