"""Readings on their way to the hub, before they are events: what files and the simulator make."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from shared.readings.timestamps import from_micros

_encoder = msgspec.json.Encoder()


class Sample(NamedTuple):
    """One value of one sensor; `time` in microseconds since 1970."""

    time: int
    device: str
    sensor: str
    value: float

    def body(self) -> bytes:
        """The event's body, with the field names of the contract."""
        time = from_micros(self.time).isoformat().replace("+00:00", "Z")
        return _encoder.encode({"TS": time, "Device": self.device, "Tag": self.sensor, "Value": self.value})


def rounds(samples: Iterable[Sample], span: int, most: int) -> Iterator[list[Sample]]:
    """Runs of at most `most` samples, of one device or within `span` microseconds of each other.

    Events of several devices reach a partition batch by batch. Where a round spans no more than the allowed lateness,
    the order of those batches makes no reading late; one device's own readings keep their order anyway.
    """
    held: list[Sample] = []
    devices: set[str] = set()
    low = high = 0
    for sample in samples:
        wide = max(high, sample.time) - min(low, sample.time) > span
        if held and (len(held) == most or (wide and devices != {sample.device})):
            yield held
            held, devices = [], set()
        low, high = (min(low, sample.time), max(high, sample.time)) if held else (sample.time, sample.time)
        held.append(sample)
        devices.add(sample.device)
    if held:
        yield held
