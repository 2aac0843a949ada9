"""Windows and how readings fold into them: the same sums whatever the batches, bit for bit."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.readings.timestamps import SECOND
from shared.settings import Settings

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]

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
        return Rows(*(getattr(self, f.name)[where] for f in fields(self)))

    def before(self, time: int, grid: Grid) -> int:
        """How many rows have windows that start before a time; they come first."""
        return int(np.searchsorted(self.key, -(-time // grid.window) << _SERIES_BITS))

    def renumbered(self, numbers: Ints) -> "Rows":
        """The same rows, series i now being `numbers[i]`; the numbers must keep the order."""
        key = (self.key >> _SERIES_BITS << _SERIES_BITS) | numbers[self.series]
        return Rows(key, *(getattr(self, f.name) for f in fields(self)[1:]))

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
    keys, arrival, which = np.unique((windows << _SERIES_BITS) | series, return_index=True, return_inverse=True)
    grown = _with_rows_for(rows, keys, values[arrival])
    places: Ints = np.asarray(np.searchsorted(grown.key, keys))
    return _added(grown, places[which], values)


def _with_rows_for(rows: Rows, keys: Ints, firsts: Floats) -> Rows:
    """A copy that has a row for every key; new ones are empty and know their first value."""
    place = np.searchsorted(rows.key, keys)
    known = np.zeros(len(keys), np.bool_)
    inside = place < len(rows)
    known[inside] = rows.key[place[inside]] == keys[inside]
    fresh = keys[~known]
    zeros, ends = np.zeros(len(fresh)), np.full(len(fresh), np.inf)
    new = (fresh, np.zeros(len(fresh), np.int64), firsts[~known], zeros, zeros, ends, -ends)
    held = (getattr(rows, f.name) for f in fields(rows))
    return Rows(*(np.insert(old, place[~known], more) for old, more in zip(held, new, strict=True)))


def _added(rows: Rows, target: Ints, values: Floats) -> Rows:
    """The readings added in place, one after another (`ufunc.at` keeps their order)."""
    difference = values - rows.first[target]
    np.add.at(rows.count, target, 1)
    np.add.at(rows.total, target, difference)
    np.add.at(rows.squares, target, difference * difference)
    np.minimum.at(rows.low, target, values)
    np.maximum.at(rows.high, target, values)
    return rows
