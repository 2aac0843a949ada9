"""What anomaly runs are about: spans of windows. Light, as every task's command line reads it."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.runs.answer import Instant


@dataclass(frozen=True, slots=True)
class Span:
    """The windows whose start lies in [start, end); both aware, UTC."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """Its length."""
        return int((self.end - self.start).total_seconds())


class SpanRun(msgspec.Struct, frozen=True):
    """What a run is told: which windows to score, those whose start lies in [start, end), and with which bundle."""

    bundle: str
    start: Instant
    end: Instant
