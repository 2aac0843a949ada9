"""The services' own clock, which a test may set wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


@dataclass(slots=True)
class Clock:
    """Now, by a clock that may be ahead of this machine's."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.now(UTC) + self.ahead

    def http_date(self) -> str:
        """Now, as headers say it."""
        return http_date(self.now())


def http_date(moment: datetime) -> str:
    """A moment, as headers say it."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def stamp(moment: datetime) -> str:
    """A moment in JSON."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
