"""Events that do not count: what is kept of the late and of the refused, so that none is lost silently."""

from hashlib import sha256

import msgspec

from shared.readings.event import Reading, Reason
from shared.readings.timestamps import from_micros

_KEPT = 2048  # bytes of a refused body
_encoder = msgspec.json.Encoder()


class Reject(msgspec.Struct, frozen=True):
    """An event that is not a reading. `body` is its beginning, `size` and `sha256` are of the whole."""

    sequence: int
    enqueued: str
    reason: str
    size: int
    sha256: str
    body: str


class Late(msgspec.Struct, frozen=True):
    """A reading whose window had closed: the watermark was at or after the window's end."""

    sequence: int
    device: str
    sensor: str
    ts: str
    value: float
    watermark: str


def reject(sequence: int, enqueued: int, reason: Reason, body: bytes) -> Reject:
    """The record of a refused event."""
    text = body[:_KEPT].decode("utf-8", errors="replace")
    return Reject(sequence, _iso(enqueued), reason.value, len(body), sha256(body).hexdigest(), text)


def late(sequence: int, reading: Reading, watermark: int) -> Late:
    """The record of a late reading."""
    device, sensor = reading.series
    return Late(sequence, device, sensor, _iso(reading.time), reading.value, _iso(watermark))


def aside_files(partition: str, enqueued: int, lates: list[Late], rejects: list[Reject]) -> dict[str, bytes]:
    """Blob name to JSON lines; named by the first sequence number, below the hour of `enqueued`."""
    if not (lates or rejects):
        return {}
    hour = f"{from_micros(enqueued):date=%Y-%m-%d/hour=%H}"
    return {
        f"{kind}/{hour}/p{partition}-{records[0].sequence:020d}.jsonl": _encoder.encode_lines(records)
        for kind, records in (("late", lates), ("rejects", rejects))
        if records
    }


def _iso(micros: int) -> str:
    return from_micros(micros).isoformat().replace("+00:00", "Z")
