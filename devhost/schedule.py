"""Schedules of timer functions: six-field NCRONTAB (seconds first) or an interval, in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from shared.errors import SettingsError, shown
from shared.schedule import check_schedule, field_values, parse_fields, parse_span
from shared.settings.rules import SCHEDULE

_NAMES = ("second", "minute", "hour", "day", "month", "weekday")
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Schedule(Protocol):
    """When a timer is due."""

    def after(self, moment: datetime) -> datetime:
        """The first due time later than `moment`."""

    def words(self) -> str:
        """The schedule as a person would say it."""


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed interval, counted from the last run."""

    interval: timedelta

    def after(self, moment: datetime) -> datetime:
        return moment + self.interval

    def words(self) -> str:
        return f"every {_span_words(self.interval)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """NCRONTAB: all six fields must match (unlike cron, where day or weekday is enough)."""

    fields: tuple[str, ...]

    def after(self, moment: datetime) -> datetime:
        return self._iterator(moment).get_next(datetime).astimezone(UTC)  # type: ignore[no-any-return]

    def _iterator(self, moment: datetime) -> Any:
        from croniter import croniter

        # croniter reads ranges, steps and names otherwise than the host does: it gets plain lists.
        lists = [field_values(name, field) for name, field in zip(_NAMES, self.fields, strict=True)]
        expression = " ".join(",".join(map(str, values)) for values in lists)
        return croniter(expression, moment.astimezone(UTC), day_or=False, second_at_beginning=True)

    def words(self) -> str:
        clock = _clock_words(*self.fields[:3])
        days = [
            _day_words(name, field) for name, field in zip(_NAMES[3:], self.fields[3:], strict=True) if field != "*"
        ]
        return ", ".join([clock, *days])


def parse_schedule(text: str) -> Schedule:
    """Read a schedule; raises SettingsError saying what is wrong with it."""
    try:
        check_schedule(text)
    except ValueError as error:
        raise SettingsError(f"The schedule {shown(text)} cannot be used: {error}.", SCHEDULE) from None
    return Every(parse_span(text)) if ":" in text else Cron(parse_fields(text))


def _clock_words(second: str, minute: str, hour: str) -> str:
    if second.isdecimal() and minute.isdecimal() and hour.isdecimal():
        return f"at {int(hour):02}:{int(minute):02}:{int(second):02} UTC"
    if second.isdecimal() and minute.isdecimal() and hour == "*":
        return f"every hour at {int(minute)} min {int(second)} s past"
    if second.isdecimal() and hour == "*" and _every(minute):
        return f"{_plural('minute', minute)}{_at_second(second)}"
    if minute == hour == "*" and _every(second):
        return _plural("second", second)
    if second.isdecimal() and minute.isdecimal() and _every(hour):
        return f"{_plural('hour', hour)} at {int(minute)} min {int(second)} s past"
    return f"at second {second}, minute {minute}, hour {hour}"


def _every(field: str) -> bool:
    return field == "*" or re.fullmatch(r"\*/\d+", field) is not None


def _plural(unit: str, field: str) -> str:
    step = field.removeprefix("*/")
    return f"every {unit}" if step in ("*", "1") else f"every {step} {unit}s"


def _at_second(second: str) -> str:
    return "" if int(second) == 0 else f" at second {int(second)}"


def _day_words(name: str, field: str) -> str:
    if name == "weekday" and re.fullmatch(r"[0-7]", field):
        return f"on {_WEEKDAYS[int(field)]}"
    return f"on {name} {field}"


def _span_words(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            count = int(seconds // size)
            return unit if count == 1 else f"{count} {unit}s"
    return "second" if seconds == 1 else f"{seconds:g} seconds"
