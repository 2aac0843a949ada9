"""Sends readings to Event Hubs, each device to its own partition, with the retries that the SDK leaves out."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from azure.eventhub import EventData
from azure.eventhub.exceptions import EventHubError

from shared.errors import Transient
from shared.readings.hub import as_tally_error
from shared.readings.partition_key import partition_of
from shared.readings.samples import Sample

_TRIES = 7
_LONGEST_WAIT = 30.0  # seconds


class Hub(Protocol):
    """What is needed of a producer client."""

    def create_batch(self, *, partition_id: str) -> Any:
        """An empty batch; its `add` raises ValueError when it is full."""

    def send_batch(self, event_data_batch: Any) -> None:
        """Send a batch whole."""


@dataclass(slots=True)
class Pace:
    """Holds back to `rate` readings per second; 0 is as fast as it goes. Clock and sleep come from outside."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: float = 0.0

    def wait(self, readings: int) -> None:
        """Return when this many more may be sent."""
        if self.rate <= 0:
            return
        now = self.clock()
        if now < self._due:
            self.sleep(self._due - now)
        self._due = max(now, self._due) + readings / self.rate


def send_round(
    hub: Hub, partitions: int, samples: Iterable[Sample], sleep: Callable[[float], None] = time.sleep
) -> int:
    """Send samples, those of a partition in the order given; returns how many.

    A device goes to the partition that its id as a key would choose. Naming it lets devices share batches: what
    comes in time order reaches every partition in time order. At least once: an answer that was lost is sent again.
    Raises Transient when the hub stays away, SettingsError when it is not there or refuses.
    """
    shares: dict[int, list[Sample]] = {}
    for sample in samples:
        shares.setdefault(partition_of(sample.device, partitions), []).append(sample)
    for partition, share in shares.items():
        empty = partial(hub.create_batch, partition_id=str(partition))
        batch = _patiently(empty, sleep)
        for event in map(EventData, map(Sample.body, share)):
            try:
                batch.add(event)
            except ValueError:
                _send(hub, batch, sleep)
                batch = _patiently(empty, sleep)
                batch.add(event)
        _send(hub, batch, sleep)
    return sum(map(len, shares.values()))


def _send(hub: Hub, batch: Any, sleep: Callable[[float], None]) -> None:
    _patiently(partial(hub.send_batch, batch), sleep)


def _patiently[T](call: Callable[[], T], sleep: Callable[[float], None] = time.sleep, tries: int = _TRIES) -> T:
    """Try again what Event Hubs refused: the SDK itself does so for lost connections only."""
    for attempt in range(1, tries + 1):
        try:
            return call()
        except EventHubError as error:
            meaning = as_tally_error(error, "Event Hubs does not take what is sent")
            if attempt == tries or not isinstance(meaning, Transient):
                raise meaning from error
            sleep(min(_LONGEST_WAIT, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
    raise AssertionError("unreachable")
