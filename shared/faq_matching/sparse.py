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
FEW = 512  # rows whose rest is looked up one by one
_SLACK = 1e-6  # of adding up single-precision numbers


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
    def columns(self) -> tuple[Ints, NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """The same by feature: where each begins, rows, values; and the largest value of each."""
        order = np.argsort(self.ids, kind="stable")
        row = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.starts))
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.ids, minlength=self.features))]).astype(np.int64)
        largest = np.zeros(self.features, np.float32)
        np.maximum.at(largest, self.ids, self.values)
        return starts, row[order], self.values[order], largest

    def prepared(self) -> Self:
        """Itself, ready for a search."""
        _ = self.columns
        return self

    def top(
        self, query: Vector, dense: NDArray[np.float32], k: int, gone: Flags | None = None, enough: int = 0
    ) -> tuple[Ints, Floats]:
        """The k rows with the largest positive dot products, best first (of equal ones the first), and these.

        Features are summed from the rarest on, until what the rest can add, at most, leaves few rows that may be among
        the best (MaxScore: Turtle and Flood 1995); of these the rest is looked up. dense: the query as a dense vector.
        gone: rows that are not there. enough: after so many products the best by then are taken; no longer exact.
        """
        order, sizes, rest = self._plan(query)
        summed = np.cumsum(sizes)
        scores = np.zeros(len(self))
        done, budget = 0, enough or BUDGET
        while True:
            until = min(max(int(np.searchsorted(summed, budget, side="right")), done + 1), len(order))
            scores += self._sums(query, order[done:until], sizes[done:until])
            done, budget = until, 4 * budget
            if gone is not None:
                scores[gone] = -1
            candidates = _may_be_best(scores, k, rest[done])
            if done == len(order):
                return _best(candidates, scores[candidates], k)
            if enough and len(candidates) > FEW:
                candidates = candidates[np.argpartition(-scores[candidates], 3 * k)[: 3 * k]]
            if len(candidates) <= max(FEW, 3 * k):
                return _best(candidates, self.dot(candidates, dense), k)

    def _plan(self, query: Vector) -> tuple[Ints, Ints, Floats]:
        """The query's features from the rarest on, as places in it; rows of each; what those from each on can add."""
        starts, _, _, largest = self.columns
        known = query.ids[: np.searchsorted(query.ids, self.features)]
        sizes = starts[known + 1] - starts[known]
        order = np.argsort(sizes, kind="stable")
        order = order[np.searchsorted(sizes[order], 1) :]
        weights = query.values[order]
        sums = np.cumsum((weights * largest[known[order]])[::-1])[::-1]
        norms = np.sqrt(np.cumsum((weights * weights)[::-1])[::-1])  # no row is longer than 1
        return order, sizes[order], np.append(np.minimum(sums, norms), 0.0)

    def _sums(self, query: Vector, features: Ints, sizes: Ints) -> Floats:
        """What some features add to every row."""
        starts, rows, values, _ = self.columns
        begins = starts[query.ids[features]]
        if not len(features):
            return np.zeros(len(self))
        slices = [slice(begin, end) for begin, end in zip(begins.tolist(), (begins + sizes).tolist(), strict=True)]
        products = np.concatenate([values[part] for part in slices], dtype=np.float64)
        products *= np.repeat(query.values[features], sizes)
        at = np.concatenate([rows[part] for part in slices], dtype=np.int64)
        return np.bincount(at, products, minlength=len(self))


def ranges(starts: Ints, sizes: Ints) -> Ints:
    """All of starts[i] … starts[i] + sizes[i] - 1, one after the other."""
    total = int(sizes.sum())
    ends = np.cumsum(sizes)
    return np.arange(total) + np.repeat(starts - ends + sizes, sizes)


def _may_be_best(scores: Floats, k: int, rest: float) -> Ints:
    """Rows that can be among the best k, whatever of `rest` they still get."""
    found = np.flatnonzero(scores > 0)
    least = 0.0
    if len(found) > k:
        positive = scores[found]
        least = float(np.partition(positive, len(found) - k)[len(found) - k]) - _SLACK
    if rest >= least:
        return np.flatnonzero(scores >= 0) if rest > 0 else found
    return found[scores[found] >= least - rest]


def _best(rows: Ints, scores: Floats, k: int) -> tuple[Ints, Floats]:
    order = np.lexsort((rows, -scores))[:k]
    order = order[scores[order] > 0]
    return rows[order], scores[order]
