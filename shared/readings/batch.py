"""A batch of events decoded at once: as fast as one JSON document, with the results of reading each by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.readings.event import (
    MAX_EVENT_BYTES,
    MAX_VALUE,
    Reading,
    Reason,
    Refused,
    Series,
    decode_object,
    field_names,
    parse_event,
    series_of,
)
from shared.readings.timestamps import parse_times

_FEW = 16  # bodies: below this, reading each by itself costs no more
_MANY = 2048  # bodies: beyond this, what is decoded together leaves the processor's cache
_MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class Parsed:
    """The readings of n bodies, column by column; where `reasons` names a position its row means nothing."""

    times: NDArray[np.int64]
    series: list[Series]
    values: NDArray[np.float64]
    reasons: dict[int, Reason] = field(default_factory=dict)


def parse_batch(bodies: Sequence[bytes]) -> Parsed:
    """Read many bodies, each one event; what is not a reading gets its reason."""
    parsed = _parse_together(bodies) if _FEW <= len(bodies) <= _MANY else None
    if parsed is not None:
        return parsed
    if len(bodies) < 2 * _FEW:
        return _parse_each(bodies)
    half = len(bodies) // 2
    return _joined(parse_batch(bodies[:half]), parse_batch(bodies[half:]))


def _parse_each(bodies: Sequence[bytes]) -> Parsed:
    parsed = Parsed(np.zeros(len(bodies), np.int64), [("", "")] * len(bodies), np.zeros(len(bodies)))
    for position in range(len(bodies)):
        _parse_into(parsed, position, bodies[position])
    return parsed


def _parse_into(parsed: Parsed, position: int, body: bytes) -> None:
    try:
        reading = parse_event(body)
    except Refused as refused:
        parsed.reasons[position] = refused.reason
        reading = Reading(0, ("", ""), 0.0)
    parsed.times[position], parsed.series[position], parsed.values[position] = reading


def _joined(left: Parsed, right: Parsed) -> Parsed:
    offset = len(left.series)
    return Parsed(
        np.concatenate([left.times, right.times]),
        left.series + right.series,
        np.concatenate([left.values, right.values]),
        left.reasons | {offset + position: reason for position, reason in right.reasons.items()},
    )


def _parse_together(bodies: Sequence[bytes]) -> Parsed | None:
    """All bodies in one decoding, or None where that could differ from reading each by itself."""
    if max(map(len, bodies)) > MAX_EVENT_BYTES:
        return None
    decoder = _decoder_like(bodies[0])
    lines = b"\n".join(bodies)
    if decoder is None or not _is_one_object_a_line(lines, len(bodies)):
        return None
    try:
        events = decoder.decode_lines(lines)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return _columns(events, bodies) if len(events) == len(bodies) else None


def _is_one_object_a_line(lines: bytes, count: int) -> bool:
    """Whether `count` decoded objects are then certainly one for each line.

    The decoder does not ask for line ends. But no JSON string holds a bare one, and after "}" no object can begin
    inside another: where every line begins with "{" and ends with "}", every line is made of whole objects.
    """
    characters = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    return (
        len(ends) == count - 1
        and lines[:1] == b"{"
        and lines[-1:] == b"}"
        and bool((characters[ends - 1] == ord("}")).all() and (characters[ends + 1] == ord("{")).all())
    )


def _decoder_like(body: bytes) -> msgspec.json.Decoder[Any] | None:
    try:
        return _decoder_for(tuple(decode_object(body)))
    except Refused:
        return None


@lru_cache(maxsize=256)
def _decoder_for(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any] | None:
    """A decoder of objects that have these keys and no others, so that none can hold a field under two names."""
    if len(keys) > _MAX_KEYS:
        return None
    try:
        names = field_names(keys)
        wanted = [
            ("time", str),
            ("device", str | int | float),
            ("sensor", str | int | float),
            ("value", float),
        ]
        others = [key for key in keys if key not in names.values()]
        ignored = [(f"other{i}", msgspec.Raw, msgspec.Raw()) for i in range(len(others))]
        spelling = names | {f"other{i}": key for i, key in enumerate(others)}
        shape = msgspec.defstruct("Event", [*wanted, *ignored], rename=spelling, forbid_unknown_fields=True, gc=False)
    except (Refused, ValueError):
        return None
    return msgspec.json.Decoder(shape)


def _columns(events: list[Any], bodies: Sequence[bytes]) -> Parsed:
    times, understood = parse_times([event.time for event in events])
    series = list(map(series_of, [e.device for e in events], [e.sensor for e in events]))
    values = np.array([event.value for event in events])
    values += 0.0  # -0.0 becomes 0.0
    odd = ~(understood & (np.abs(values) <= MAX_VALUE))
    parsed = Parsed(times, series, values)  # type: ignore[arg-type]
    positions = set(np.flatnonzero(odd).tolist())
    if None in series:
        positions |= {i for i, pair in enumerate(series) if pair is None}
    for position in sorted(positions):
        _parse_into(parsed, position, bodies[position])
    return parsed
