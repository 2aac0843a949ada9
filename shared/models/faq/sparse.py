"""Sparse rows, searched for the largest dot products with a sparse vector: exactly, without scoring them all."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]
BUDGET = 16_384  # products summed before the rest is bounded for the first time
FEW = 2_048  # rows whose rest is looked up one by one


@dataclass(frozen=True, slots=True)
class Vector:
    """Features, ascending, and a value for each."""

    ids: Ints
    values: Floats

    def dense(self, size: int) -> NDArray[np.float32]:
        """f32[size] with zeros elsewhere; features beyond are left out."""
        out = np.zeros(size, np.float32)
        fits = np.searchsorted(self.ids, size)
        out[self.ids[:fits]] = self.values[:fits]
        return out


@dataclass(frozen=True)
class Rows:
    """Sparse rows: row r has the features ids[starts[r]:starts[r+1]], ascending, with their values, none negative."""

    starts: Ints  # i64[rows + 1]
    ids: NDArray[np.int32]
    values: NDArray[np.float32]
    features: int  # how many there are

    @classmethod
    def of(cls, row: Ints, ids: Ints, values: Floats, rows: int, features: int) -> Self:
        """Rows of triples that are in order of row and feature."""
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))]).astype(np.int64)
        return cls(starts, ids.astype(np.int32), values.astype(np.float32), features)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, number: int) -> Vector:
        """One row."""
        part = slice(self.starts[number], self.starts[number + 1])
        return Vector(self.ids[part].astype(np.int64), self.values[part].astype(np.float64))

    def take(self, rows: Ints) -> tuple[Ints, NDArray[np.int32], NDArray[np.float32]]:
        """The triples of some rows, in their order; the first of each is its place among `rows`."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        places = ranges(self.starts[rows], sizes)
        return np.repeat(np.arange(len(rows)), sizes), self.ids[places], self.values[places]

    def dot(self, rows: Ints, dense: NDArray[np.float32]) -> Floats:
        """Dot products of some rows with a dense vector f32[features]."""
        sizes = self.starts[rows + 1] - self.starts[rows]
        places = ranges(self.starts[rows], sizes)
        sums = np.zeros(len(places) + 1)
        np.cumsum(self.values[places] * dense[self.ids[places]], dtype=np.float64, out=sums[1:])
        ends = np.cumsum(sizes)
        dots: Floats = sums[ends] - sums[ends - sizes]
        return dots

    @cached_property
    def _columns(self) -> tuple[Ints, NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """The same by feature: where each begins, rows, values; and the largest value of each."""
        order = np.argsort(self.ids, kind="stable")
        row = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.ids, minlength=self.features))]).astype(np.int64)
        largest = np.zeros(self.features, np.float32)
        np.maximum.at(largest, self.ids, self.values)
        return starts, row[order], self.values[order], largest

    def prepared(self) -> Self:
        """Itself, ready for a search."""
        _ = self._columns
        return self

    def top(self, query: Vector, dense: NDArray[np.float32], k: int, dead: Flags | None = None) -> tuple[Ints, Floats]:
        """The k rows with the largest positive dot products, best first (of equal ones the first), and these.

        Features are summed from the rarest on, until what the rest can add, at most, leaves few rows that may be among
        the best (MaxScore: Turtle and Flood 1995); of these the rest is looked up. dense: the query as a dense vector.
        dead: rows that are not there.
        """
        starts, rows, values, largest = self._columns
        known = slice(0, int(np.searchsorted(query.ids, self.features)))
        ids, weights = query.ids[known], query.values[known]
        sizes = starts[ids + 1] - starts[ids]
        order = np.argsort(sizes, kind="stable")
        ids, weights, sizes = ids[order], weights[order], sizes[order]
        rest = _bounds(weights, largest[ids])
        done, summed, scores = 0, np.cumsum(sizes), np.zeros(len(self))
        budget = BUDGET
        while True:
            until = max(int(np.searchsorted(summed, budget, side="right")), min(done + 1, len(ids)))
            part = slice(done, until)
            places = ranges(starts[ids[part]], sizes[part])
            products = values[places] * np.repeat(weights[part], sizes[part])
            scores += np.bincount(rows[places], products, minlength=len(self))
            done = until
            if dead is not None:
                scores[dead] = 0
            candidates = _may_be_best(scores, k, rest[done])
            if done == len(ids):
                return _best(candidates, scores[candidates], k)
            if len(candidates) <= FEW:
                return _best(candidates, self.dot(candidates, dense), k)
            budget *= 4


def ranges(starts: Ints, sizes: Ints) -> Ints:
    """All of starts[i] … starts[i] + sizes[i] - 1, one after the other."""
    total = int(sizes.sum())
    ends = np.cumsum(sizes)
    return np.arange(total) + np.repeat(starts - ends + sizes, sizes)


def _bounds(weights: Floats, largest: NDArray[np.float32]) -> Floats:
    """What the features from i on can add to a row at most: f64[features + 1]."""
    sums = np.cumsum((weights * largest)[::-1])[::-1]
    norms = np.sqrt(np.cumsum((weights * weights)[::-1])[::-1])  # no row is longer than 1
    return np.append(np.minimum(sums, norms), 0.0)


def _may_be_best(scores: Floats, k: int, rest: float) -> Ints:
    """Rows that can be among the best k, whatever of `rest` they still get."""
    if len(scores) <= k:
        return np.flatnonzero(scores + rest > 0)
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    slack = 1e-6  # of adding up single-precision numbers
    return np.flatnonzero(scores >= max(least - rest - slack, np.finfo(np.float32).tiny if rest <= 0 else -1.0))


def _best(rows: Ints, scores: Floats, k: int) -> tuple[Ints, Floats]:
    order = np.lexsort((rows, -scores))[:k]
    order = order[scores[order] > 0]
    return rows[order], scores[order]
