"""Axes: where a value or a moment lies in a plot, and which round ones get a label."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

WIDTH = 1920
HEIGHT = 400

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Flags = NDArray[np.bool_]

_TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values of [low, high] to `size` units from 0, or down from `size` to 0 where `flip` is set."""

    low: float
    high: float
    size: int
    flip: bool = False

    def place(self, values: Floats) -> Ints:
        """The position of each value, in whole units, kept inside the plot."""
        share = (values - self.low) / ((self.high - self.low) or 1.0)
        share = np.clip(np.nan_to_num(share), 0.0, 1.0)
        return np.rint((1 - share if self.flip else share) * self.size).astype(np.int64)

    def percent(self, value: float) -> float:
        """Where the value lies, in percent of the size."""
        return round(100 * float(self.place(np.array([value]))[0]) / self.size, 2)


def value_axis(low: float, high: float, headroom: float = 0.06) -> Axis:
    """A vertical axis with a little air around [low, high]; finite also for one value or none.

    `headroom` is the air above, as a share of the range.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        low = high = 0.0
    span = (high - low) or abs(high) or 1.0
    return Axis(low - 0.06 * span, high + headroom * span, HEIGHT, flip=True)


def ticks(axis: Axis, count: int = 4) -> list[tuple[float, str]]:
    """At most `count` round values inside the axis, away from its ends, with their labels."""
    air = 0.08 * (axis.high - axis.low)
    low, high = axis.low + air, axis.high - air
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(s * power for s in (1, 2, 5, 10, 20) if _inside(low, high, s * power) <= count)
    first = math.ceil(low / step)
    values = [n * step for n in range(first, math.floor(high / step) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, number(value, decimals)) for value in values]


def _inside(low: float, high: float, step: float) -> int:
    return math.floor(high / step) - math.ceil(low / step) + 1


def number(value: float, decimals: int) -> str:
    """A label of fixed decimals with a true minus sign; very large or small numbers as powers of ten."""
    if abs(value) >= 1e7 or decimals > 6:
        return f"{value:.2g}".replace("-", "\N{MINUS SIGN}")
    return f"{value + 0.0:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def time_ticks(start: datetime, end: datetime, count: int = 8) -> list[tuple[float, str]]:
    """About `count` round times of [start, end) as (seconds after start, label), in UTC."""
    span = max((end - start).total_seconds(), 1.0)
    days = [_DAY * n for n in (1, 2, 7, 14, 28, 91, 364)]
    step = next((s for s in [*_TIME_STEPS, *days] if s * count >= span), days[-1])
    first = math.ceil(start.timestamp() / step) * step
    moments = [first + n * step for n in range(int(span // step) + 1)]
    inside = [m for m in moments if m < end.timestamp()]
    return [(m - start.timestamp(), _clock(m, step, several_days=start.date() != end.date())) for m in inside]


def _clock(moment: float, step: int, several_days: bool) -> str:
    when = datetime.fromtimestamp(moment, UTC)
    if step >= _DAY or (several_days and when.hour == when.minute == 0):
        return f"{when.day} {when:%b}"
    return f"{when:%H:%M:%S}" if step < 60 else f"{when:%H:%M}"


def seconds_after(start: datetime, times: NDArray[np.datetime64]) -> Floats:
    """Times (UTC) as seconds after `start`."""
    origin = np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "us")
    return (times - origin) / np.timedelta64(1, "s")
