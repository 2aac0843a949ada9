"""What a run found, in numbers: the summary that lies beside the predictions and heads the report."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """One series of a run; `likeness` is its lowest: 1 at the threshold, 0 like nothing seen in training.

    A model of a whole device has the sensor "".
    """

    device: str
    sensor: str
    windows: int
    flagged: int
    likeness: float
    first: datetime | None = None
    last: datetime | None = None

    @property
    def rate(self) -> float:
        """Share of the windows that were flagged."""
        return self.flagged / self.windows if self.windows else 0.0


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Seconds spent in one stage by all parts together, and by the slowest part."""

    total: float
    slowest: float


@dataclass(frozen=True, slots=True)
class Summary:
    """One run; counts are of windows and series, `start` and `end` bound the scored span (UTC).

    `skipped` windows could not be scored, `series_silent` have a model but no windows. `cost` is what scoring cost,
    in words, empty where no price is set. `series_missing` are those of the `parts_missing`, whose tasks failed.
    """

    run: str
    bundle: str
    start: datetime
    end: datetime
    parts: int
    windows: int
    flagged: int
    skipped: int
    series: int
    series_flagged: int
    series_silent: int
    without_model_total: int
    without_model: tuple[tuple[str, str], ...]
    seconds: dict[str, StageSeconds]
    worst: tuple[SeriesSummary, ...]
    cost: str = ""
    parts_missing: int = 0
    series_missing: int = 0

    @property
    def kind(self) -> str:
        """What has a model of its own: "series", or "devices"."""
        return "devices" if self.worst and not any(each.sensor for each in self.worst) else "series"

    @property
    def rate(self) -> float:
        """Share of all windows that were flagged."""
        return self.flagged / self.windows if self.windows else 0.0
