"""Readings on their way to the hub, before they are events: what files and the simulator make."""

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
