"""One event, one reading: what an event must look like, and the reason where it does not."""

import json
import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from shared.readings.timestamps import parse_time

MAX_EVENT_BYTES = 64 * 1024
MAX_ID_LENGTH = 128
MAX_VALUE = 1e150  # a value's square must still be finite
FIELDS = {"time": ("ts", "timestamp"), "device": ("device",), "sensor": ("sensor", "tag"), "value": ("value",)}

type RawId = str | int | float
type Series = tuple[str, str]


class Reason(StrEnum):
    """Why an event is not a reading."""

    TOO_LARGE = "too-large"
    MALFORMED = "malformed-json"
    NOT_AN_OBJECT = "not-an-object"
    MISSING_FIELD = "missing-field"
    AMBIGUOUS_FIELD = "ambiguous-field"
    BAD_TIMESTAMP = "bad-timestamp"
    BAD_ID = "bad-id"
    BAD_VALUE = "bad-value"
    NOT_FINITE = "not-finite"
    TOO_FAR_AHEAD = "too-far-ahead"


class Reading(NamedTuple):
    """A reading: microseconds since 1970, (device, sensor), value."""

    time: int
    series: Series
    value: float


class Refused(Exception):
    """An event that is not a reading, with the reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_id: msgspec.json.Decoder[RawId] = msgspec.json.Decoder(str | int | float)
_text = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(float)
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def parse_event(body: bytes) -> Reading:
    """The reading in an event's body; raises Refused with the reason where there is none."""
    if len(body) > MAX_EVENT_BYTES:
        raise Refused(Reason.TOO_LARGE)
    fields = decode_object(body)
    names = field_names(tuple(fields))
    series = series_of(_read_id(fields[names["device"]]), _read_id(fields[names["sensor"]]))
    if series is None:
        raise Refused(Reason.BAD_ID)
    time = _read_time(fields[names["time"]])
    return Reading(time, series, _read_value(fields[names["value"]]))


def decode_object(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of a JSON object, undecoded; raises Refused."""
    try:
        return _object.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(Reason.NOT_AN_OBJECT) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(_why_malformed(body)) from error


def _why_malformed(body: bytes) -> Reason:
    """Python writes NaN and Infinity into JSON, which is not JSON: such a body deserves the true reason."""
    constants: list[str] = []
    try:
        parsed = json.loads(body, parse_constant=constants.append)
    except (ValueError, RecursionError):
        return Reason.MALFORMED
    if not isinstance(parsed, dict):
        return Reason.NOT_AN_OBJECT
    return Reason.NOT_FINITE if constants else Reason.MALFORMED


@lru_cache(maxsize=1024)
def field_names(keys: tuple[str, ...]) -> dict[str, str]:
    """Which key holds which field, whatever its case: `ts` before `timestamp`, `sensor` before `tag`.

    Raises Refused where a field is missing, or a name occurs in two spellings.
    """
    spelled: dict[str, list[str]] = {}
    for key in keys:
        spelled.setdefault(key.lower(), []).append(key)
    found = {}
    for field, names in FIELDS.items():
        name = next((name for name in names if name in spelled), None)
        if name is None:
            raise Refused(Reason.MISSING_FIELD)
        if len(spelled[name]) > 1:
            raise Refused(Reason.AMBIGUOUS_FIELD)
        found[field] = spelled[name][0]
    return found


@lru_cache(maxsize=1 << 18)
def series_of(device: RawId, sensor: RawId) -> Series | None:
    """The series of two ids as they came, or None where one is not usable. 2, 2.0 and "2" are the same id."""
    pair = (_canonical(device), _canonical(sensor))
    return pair if all(pair) else None


def _canonical(raw: RawId) -> str:
    if isinstance(raw, str):
        usable = len(raw) <= MAX_ID_LENGTH and not raw.isspace() and not _UNPRINTABLE.search(raw)
        return raw if usable else ""
    if isinstance(raw, float) and not (raw.is_integer() and abs(raw) < 2**53):
        return ""
    return str(int(raw)) if abs(raw) < 10**MAX_ID_LENGTH else ""


def _read_id(raw: msgspec.Raw) -> RawId:
    if bytes(raw) == b"null":
        raise Refused(Reason.MISSING_FIELD)
    try:
        return _id.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(Reason.BAD_ID) from error


def _read_time(raw: msgspec.Raw) -> int:
    if bytes(raw) == b"null":
        raise Refused(Reason.MISSING_FIELD)
    try:
        time = parse_time(_text.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(Reason.BAD_TIMESTAMP) from error
    if time is None:
        raise Refused(Reason.BAD_TIMESTAMP)
    return time


def _read_value(raw: msgspec.Raw) -> float:
    text = bytes(raw)
    if text == b"null":
        raise Refused(Reason.MISSING_FIELD)
    value = _read_quoted(raw) if text[:1] == b'"' else _read_number(raw)
    if not abs(value) <= MAX_VALUE:
        raise Refused(Reason.NOT_FINITE)
    return value + 0.0  # -0.0 becomes 0.0


def _read_number(raw: msgspec.Raw) -> float:
    try:
        return _number.decode(raw)
    except msgspec.ValidationError as error:
        out_of_range = bytes(raw)[:1] in b"-0123456789"
        raise Refused(Reason.NOT_FINITE if out_of_range else Reason.BAD_VALUE) from error


def _read_quoted(raw: msgspec.Raw) -> float:
    try:
        text = _text.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refused(Reason.BAD_VALUE) from error
    if _NUMBER.fullmatch(text):
        return float(text)
    words = text.strip().lower().lstrip("+-")
    raise Refused(Reason.NOT_FINITE if words in ("nan", "inf", "infinity") else Reason.BAD_VALUE)
