"""Timestamps as devices write them, read many at once, because parsing them one by one would dominate ingest."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000  # microseconds

_PATTERN = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})"
    r"(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"\s?(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_LONGEST = 30  # characters of "2018-04-06T20:59:55.123456789Z"
_MAX_LAYOUTS = 12  # fractions of zero to nine digits, with and without a zone, make up most batches
_COMMON = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z?")
# What each digit adds to the date as yyyymmdd, the hour, minute, second and microsecond. Sums stay exact in f64.
_WEIGHTS = np.zeros((5, 23))
_WEIGHTS[0, :8] = 10.0 ** np.arange(7, -1, -1)
_WEIGHTS[1, 8:10] = _WEIGHTS[2, 10:12] = _WEIGHTS[3, 12:14] = (10, 1)
_WEIGHTS[4, 14:20] = 10.0 ** np.arange(5, -1, -1)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970 of a moment; one without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment, aware and in UTC."""
    return EPOCH + timedelta(microseconds=int(micros))


def parse_time(text: str) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time, or None where it is not one.

    A "T" or a space divides date and time; seconds and their fraction (cut after six digits) are optional; without a
    zone it is UTC. Years before 1970 are refused: they are clocks that were never set.
    """
    match = _PATTERN.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros, zone)
        result = to_micros(moment)
    except ValueError:
        return None
    return result if result >= 0 else None


def parse_times(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Many times at once: i64[n] microseconds, and bool[n] saying which were understood.

    Understands `YYYY-MM-DD?HH:MM:SS[.fraction][Z]` and agrees there with `parse_time`; all else is left to it.
    """
    times, understood = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    characters = _as_matrix(texts)
    if characters is None:
        return times, understood
    digits = characters - np.uint8(48)
    for rows in _by_layout(np.where(digits <= 9, np.uint8(48), characters)):
        columns = _digit_columns(texts[rows[0]])
        if columns is not None:
            alike = digits[columns] if len(rows) == len(texts) else digits[np.ix_(columns, rows)]
            times[rows], understood[rows] = _from_digits(alike)
    return times, understood


def _by_layout(layouts: NDArray[np.uint8]) -> Iterator[NDArray[np.int64]]:
    """The positions of texts that have their digits in the same places, layout by layout, up to a number of them."""
    left = np.arange(layouts.shape[1])
    for _ in range(_MAX_LAYOUTS):
        same = (layouts == layouts[:, :1]).all(axis=0)
        yield left[same]
        if same.all():
            return
        left, layouts = left[~same], layouts[:, ~same]


def _as_matrix(texts: Sequence[str]) -> NDArray[np.uint8] | None:
    """The characters as u8[longest, n], zero padded; None where a text is too long or not ASCII."""
    lengths = set(map(len, texts))
    longest = max(lengths, default=0)
    if not 0 < longest <= _LONGEST:
        return None
    try:
        if len(lengths) == 1:
            flat = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
        else:
            flat = np.array(texts, dtype=f"S{longest}").view(np.uint8)
    except UnicodeEncodeError:
        return None
    return np.ascontiguousarray(flat.reshape(len(texts), longest).T)  # numpy is fast along the longer side


def _digit_columns(text: str) -> list[int] | None:
    """Where a text of the common layout has its digits; None where its layout is another."""
    return [i for i, c in enumerate(text) if c.isdigit()] if _COMMON.fullmatch(text) else None


def _from_digits(digits: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Microseconds since 1970 from digits u8[14 to 23, n], and which of them are times that exist."""
    date, hour, minute, second, micros = (_WEIGHTS[:, : len(digits)] @ digits.astype(np.float64)).astype(np.int64)
    day_starts, ok = _day_starts(date)
    ok &= (hour <= 23) & (minute <= 59) & (second <= 59)
    return day_starts + ((hour * 60 + minute) * 60 + second) * SECOND + micros, ok


def _day_starts(dates: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Midnights of dates written as the number yyyymmdd; a batch holds one or two of them."""
    if (dates == dates[0]).all():
        distinct, which = dates[:1], np.zeros(len(dates), np.int64)
    else:
        distinct, which = np.unique(dates, return_inverse=True)
    midnights = [parse_time(f"{d // 10000:04}-{d // 100 % 100:02}-{d % 100:02}T00:00") for d in distinct.tolist()]
    known = np.array([midnight is not None for midnight in midnights])
    return np.array([midnight or 0 for midnight in midnights])[which], known[which]
