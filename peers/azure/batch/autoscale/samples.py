"""The samples that formulas look at: what a pool's service variables were, every thirty seconds."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

PERIOD = 30.0
"""Seconds between samples."""
KEPT = 24 * 3600.0
"""Seconds for which samples are kept."""


@dataclass(slots=True)
class Samples:
    """Values by the second (of any clock) they were taken at, newest last."""

    rows: deque[tuple[float, Mapping[str, float]]] = field(default_factory=deque)

    def take(self, now: float, values: Mapping[str, float]) -> None:
        """Add a sample of all variables."""
        self.rows.append((now, values))
        while self.rows[0][0] < now - KEPT:
            self.rows.popleft()

    def last(self, name: str, count: int) -> list[float]:
        """The newest values, newest first."""
        newest = list(self.rows)[-count:] if count > 0 else []
        return [values[name] for _, values in reversed(newest)]

    def between(self, name: str, start: float, end: float) -> list[float]:
        """The values taken in (start, end], newest first."""
        found = []
        for moment, values in reversed(self.rows):
            if moment <= start:
                break
            if moment <= end:
                found.append(values[name])
        return found

    def percent(self, start: float, end: float) -> float:
        """How many of the samples that there should be in (start, end] there are."""
        due = max(1.0, (end - start) // PERIOD)
        have = sum(1 for moment, _ in self.rows if start < moment <= end)
        return min(100.0, 100.0 * have / due)
