"""Windows and how readings fold into them: the same sums whatever the batches, bit for bit."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.readings.timestamps import SECOND
from shared.settings import Settings

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]

COLUMNS = ("key", "count", "first", "total", "squares", "low", "high")
_SERIES_BITS = 24  # a key is a window number over a series index, so that rows sort by time


@dataclass(frozen=True, slots=True)
class Grid:
    """Where windows and files begin and end, in microseconds; both start at multiples of their length."""

    window: int
    file: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The grid that the settings ask for."""
        return cls(settings.window_seconds * SECOND, settings.file_seconds * SECOND)

    def floor(self, time: int) -> int:
        """Start of the file interval that holds the time."""
        return time // self.file * self.file

    def ceil(self, time: int) -> int:
        """First file boundary at or after the time."""
        return -(-time // self.file) * self.file


@dataclass(frozen=True, slots=True)
class Rows:
    """Windows that still have to reach a file, sorted by key; one row for each (window, series).

    `first` is the window's first value, `total` and `squares` are sums of differences from it. A value of the window
    itself as the shift keeps the variance sound: what cancels is at most a factor of the count (Chan, Golub and
    LeVeque 1983, shifted data). And sums in order of arrival do not depend on where a batch ended.
    """

    key: Ints
    count: Ints
    first: Floats
    total: Floats
    squares: Floats
    low: Floats
    high: Floats

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        ints, floats = np.zeros(0, np.int64), np.zeros(0)
        return cls(ints, ints, floats, floats, floats, floats, floats)

    def __len__(self) -> int:
        return len(self.key)

    @property
    def series(self) -> Ints:
        """Series index of each row."""
        return self.key & ((1 << _SERIES_BITS) - 1)

    def starts(self, grid: Grid) -> Ints:
        """Start of each row's window, in microseconds."""
        return (self.key >> _SERIES_BITS) * grid.window

    def take(self, where: "slice | Ints") -> "Rows":
        """The rows at these positions."""
        return Rows(*(getattr(self, name)[where] for name in COLUMNS))

    def before(self, time: int, grid: Grid) -> int:
        """How many rows have windows that start before a time; they come first."""
        return int(np.searchsorted(self.key, -(-time // grid.window) << _SERIES_BITS))

    def renumbered(self, numbers: Ints) -> "Rows":
        """The same rows, series i now being `numbers[i]`; the numbers must keep the order."""
        key = (self.key >> _SERIES_BITS << _SERIES_BITS) | numbers[self.series]
        return Rows(key, *(getattr(self, name) for name in COLUMNS[1:]))

    def mean(self) -> Floats:
        """Mean of each window."""
        return self.first + self.total / self.count

    def std(self) -> Floats:
        """Standard deviation of each window, of the population: 0 where there is one value."""
        spread = self.squares - self.total * self.total / self.count
        return np.sqrt(np.maximum(spread, 0.0) / self.count)


def fold(rows: Rows, windows: Ints, series: Ints, values: Floats) -> Rows:
    """Rows with n more readings in them: window numbers, series indices, values, in order of arrival."""
    if not len(values):
        return rows
    keys = (windows << _SERIES_BITS) | series
    grown = _with_rows_for(rows, keys, values)
    return _added(grown, np.searchsorted(grown.key, keys), values)


def _with_rows_for(rows: Rows, keys: Ints, values: Floats) -> Rows:
    """A copy that has a row for every key; new ones are empty and know the first value that came with their key."""
    place = np.searchsorted(rows.key, keys)
    known = place < len(rows)
    known[known] = rows.key[place[known]] == keys[known]
    if known.all():
        return Rows(rows.key, *(getattr(rows, name).copy() for name in COLUMNS[1:]))
    fresh, arrival = np.unique(keys[~known], return_index=True)
    zeros, ends = np.zeros(len(fresh)), np.full(len(fresh), np.inf)
    new = (fresh, np.zeros(len(fresh), np.int64), values[~known][arrival], zeros, zeros, ends, -ends)
    columns = [np.concatenate([getattr(rows, name), more]) for name, more in zip(COLUMNS, new, strict=True)]
    return Rows(*columns).take(np.argsort(columns[0], kind="stable"))


def _added(rows: Rows, target: Ints, values: Floats) -> Rows:
    """The readings added in place, one after another (`ufunc.at` keeps their order)."""
    difference = values - rows.first[target]
    np.add.at(rows.count, target, 1)
    np.add.at(rows.total, target, difference)
    np.add.at(rows.squares, target, difference * difference)
    np.minimum.at(rows.low, target, values)
    np.maximum.at(rows.high, target, values)
    return rows
