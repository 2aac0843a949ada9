"""Sparse search finds exactly what scoring every row finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.faq_matching import sparse
from shared.faq_matching.sparse import Rows, Vector, ranges


def rows_of(x: np.ndarray) -> Rows:
    row, ids = np.nonzero(x)
    return Rows.of(row, ids, x[row, ids], *x.shape)


def unit_rows(seed: int, rows: int, features: int, share: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    x = random.random((rows, features)) * (random.random((rows, features)) < share * random.random(features))
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0).astype(np.float32)


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12), st.data())
def test_the_best_rows_are_those_that_scoring_all_finds(seed, rows, k, data):
    x = unit_rows(seed, rows, 20, 0.5)
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    query = Vector(np.arange(20), np.random.default_rng(seed + 1).random(20) / 5)
    budget, few = data.draw(st.sampled_from([(1, 0), (1, 3), (7, 20), (1000, 3)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparse, "BUDGET", budget)
        patch.setattr(sparse, "FEW", few)
        found, scores = rows_of(x).top(query, query.dense(20), k, gone)
    every = np.where(gone, 0, x @ query.dense(20))
    best = np.sort(every[every > 0])[::-1][:k]
    assert np.allclose(scores, best, atol=1e-6)
    assert np.allclose(every[found], scores, atol=1e-6)
    assert len(set(found.tolist())) == len(found)
    assert not gone[found].any()


def test_of_equal_rows_the_first_come_first():
    x = np.tile(np.array([[0.6, 0.8]], np.float32), (10, 1))
    query = Vector(np.array([0, 1]), np.array([0.6, 0.8]))
    found, _ = rows_of(x).top(query, query.dense(2), 3)
    assert found.tolist() == [0, 1, 2]


def test_features_that_came_later_are_no_features_of_earlier_rows():
    query = Vector(np.array([1, 7]), np.array([0.6, 0.8]))
    found, scores = rows_of(np.eye(3, dtype=np.float32)).top(query, query.dense(8), 3)
    assert (found.tolist(), scores.tolist()) == ([1], [0.6])


def test_an_early_end_still_finds_the_best_by_what_is_rare():
    random = np.random.default_rng(0)
    x = (random.random((5_000, 60)) < np.geomspace(0.001, 0.9, 60)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    query = Vector(np.arange(60), np.where(x[17] > 0, 1 / np.arange(1, 61), 0))
    exact, _ = rows_of(x).top(query, query.dense(60), 5)
    early, _ = rows_of(x).top(query, query.dense(60), 50, enough=10_000)
    assert exact[0] == early[0] == 17


def test_ranges_are_put_one_after_the_other():
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
