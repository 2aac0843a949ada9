"""A linear classifier for each entry known in several phrasings, in closed form: no other entry is trained anew.

Ridge regression (a least-squares SVM: Suykens and Vandewalle 1999) of 1 for an entry's own phrasings and 0 for the
nearest ones of others, without a bias: a question with nothing in common gets 0. Its leave-one-out values are exact and
cost nothing (Cawley and Talbot 2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.faq_matching.sparse import Floats, Ints, Rows, Vector

NEAREST = 150  # phrasings of other entries
_RIDGE = 0.5
_OWN = 5.0  # how much an entry's own phrasing counts against another's
_KEPT = 1_000  # weights of each classifier, the largest
_DECIMALS = 5  # what another number of threads changes is far below

_NOTHING = Vector(np.zeros(0, np.int64), np.zeros(0))

type Triples = tuple[Ints, NDArray[np.int32], NDArray[np.float32]]  # place, feature, value


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights: about 1 says yes, 0 no. held_out: what it would say of each row, had it not learned from it."""

    weights: Vector
    rows: Ints
    held_out: Floats

    def without(self, row: int) -> float | None:
        """What it would say of a row that it learned from; None where it has not."""
        place = np.flatnonzero(self.rows == row)
        return float(self.held_out[place[0]]) if len(place) else None


def teach(own: Triples, others: Triples, numbers: tuple[Ints, Ints]) -> Classifier:
    """The classifier that tells these rows apart, given as triples that Rows.take gives, and by their numbers."""
    ours, theirs = map(len, numbers)
    ids, column = np.unique(np.concatenate([own[1], others[1]]), return_inverse=True)
    x = np.zeros((ours + theirs, len(ids)))
    x[np.concatenate([own[0], ours + others[0]]), column] = np.concatenate([own[2], others[2]])
    target = np.repeat([1.0, 0.0], [ours, theirs])
    ridge = np.repeat([_RIDGE / _OWN, _RIDGE], [ours, theirs])
    inverse = np.linalg.inv(x @ x.T + np.diag(ridge))
    shares = inverse @ target
    weights = np.round(shares @ x, _DECIMALS)
    kept = np.sort(np.argsort(-np.abs(weights), kind="stable")[:_KEPT])
    held_out = target - shares / np.diag(inverse)
    return Classifier(Vector(ids[kept].astype(np.int64), weights[kept]), np.concatenate(numbers), held_out)


def centre(rows: Triples, count: int) -> Vector:
    """The mean of so many rows."""
    ids, column = np.unique(rows[1], return_inverse=True)
    return Vector(ids.astype(np.int64), np.bincount(column, rows[2]) / count)


def packed(classifiers: Sequence[Classifier | None], features: int) -> Rows:
    """Their weights as rows, empty where there is no classifier."""
    vectors = [one.weights if one else _NOTHING for one in classifiers]
    row = np.repeat(np.arange(len(vectors)), [len(vector.ids) for vector in vectors])
    ids, values = (
        np.concatenate([getattr(_NOTHING, name), *(getattr(vector, name) for vector in vectors)])
        for name in ("ids", "values")
    )
    return Rows.of(row.astype(np.int64), ids, values, len(vectors), features)
