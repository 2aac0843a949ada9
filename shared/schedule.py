"""Schedules of timers as the Functions host reads them: six fields of NCRONTAB, seconds first, or an interval."""

import re
from collections.abc import Iterator
from datetime import timedelta

_SPAN = re.compile(r"(?:([0-9]+)\.)?([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,7}))?")
_PART = re.compile(r"(\*|[0-9]{1,4}|[A-Za-z]+)(?:-([0-9]{1,4}|[A-Za-z]+))?(?:/([0-9]{1,9}))?")
_BOUNDS = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
_NAMES = {
    "month": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "weekday": ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
}
_LAST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def check_schedule(text: str) -> None:
    """Raises ValueError, with what is wrong in words, for a text that is no schedule."""
    if ":" in text:
        if parse_span(text) <= timedelta(0):
            raise ValueError("it is no time at all")
    else:
        parse_fields(text)


def parse_fields(text: str) -> tuple[str, ...]:
    """The six fields of an NCRONTAB expression; five mean second 0.

    Raises ValueError where the host refuses it, and where it reads another schedule than a person would: ranges that
    run backwards, steps of 0, days that no month has.
    """
    fields = tuple(part for part in text.split(" ") if part)
    if len(fields) == 5:
        fields = ("0", *fields)
    if len(fields) != 6:
        raise ValueError(f"it has {len(fields)} fields, not six")
    held = [field_values(name, field) for name, field in zip(_BOUNDS, fields, strict=True)]
    if min(held[3]) > max(_LAST_DAYS[month - 1] for month in held[4]):
        raise ValueError("none of its months has such a day")
    return fields


def field_values(name: str, field: str) -> list[int]:
    """The values that a field (`second`, `minute`, ... `weekday`) stands for, ascending; raises ValueError."""
    return sorted({value for part in field.split(",") for value in _part_values(name, part)})


def _part_values(name: str, part: str) -> Iterator[int]:
    match = _PART.fullmatch(part)
    if not match or (match[1] == "*" and match[2]):
        raise ValueError(f"{part!r} is no {name}")
    least, most = _BOUNDS[name]
    first = least if match[1] == "*" else _value(name, match[1])
    last = _value(name, match[2]) if match[2] else most if match[1] == "*" or match[3] else first
    if first > last:
        raise ValueError(f"the range {part!r} runs backwards")
    if match[3] and int(match[3]) == 0:
        raise ValueError(f"the step of {part!r} is 0")
    yield from range(first, last + 1, int(match[3] or 1))


def _value(name: str, text: str) -> int:
    least, most = _BOUNDS[name]
    if text.isdecimal():
        if least <= int(text) <= most:
            return int(text)
        raise ValueError(f"{name} {text} is not from {least} to {most}")
    for number, word in enumerate(_NAMES.get(name, ()), least):
        if word.lower().startswith(text.lower()):
            return number
    raise ValueError(f"{text!r} is no {name}")


def parse_span(text: str) -> timedelta:
    """A .NET time span, `[days.]hh:mm:ss[.fraction]`; raises ValueError."""
    match = _SPAN.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a span of the form hh:mm:ss")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    if hours > 23 or minutes > 59 or seconds > 59 or days > 10_000:
        # .NET reads 24:00:00 as 24 days, which nobody means.
        raise ValueError(f"{text!r} has a part that is too large; write whole days as d.hh:mm:ss")
    fraction = float(f"0.{match[5]}") if match[5] else 0.0
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds + fraction)
