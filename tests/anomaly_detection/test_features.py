"""Features see the past only, each series alone, and do not depend on how rows are cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from shared.anomaly_detection.features import FeatureSpec, Per, features, rolling_mean
from shared.errors import InvalidInput

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def series(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values [rows, S] of several series back to back, their offsets, and which sensors wander."""
    lengths = draw(st.lists(st.integers(0, 9), min_size=1, max_size=5))
    sensors = draw(st.integers(1, 3))
    values = draw(arrays.arrays(np.float64, (sum(lengths), sensors), elements=FINITE))
    wandering = draw(arrays.arrays(np.bool_, (len(lengths), sensors)))
    return values, np.cumsum([0, *lengths]), wandering


ROWS = st.integers(1, 6)


@given(series(), ROWS)
def test_the_mean_is_that_of_the_last_rows_of_the_same_series(data, rows):
    values, offsets, _ = data
    means = rolling_mean(values, offsets, rows)
    for first, last in itertools.pairwise(offsets):
        for row in range(first, last):
            expected = values[max(first, row - rows + 1) : row + 1].mean(axis=0)
            np.testing.assert_allclose(means[row], expected, rtol=1e-12, atol=1e-9)


@given(series(), ROWS)
def test_series_do_not_see_each_other(data, rows):
    values, offsets, wandering = data
    together = features(values, offsets, wandering, rows)
    for index, (first, last) in enumerate(itertools.pairwise(offsets)):
        alone = features(values[first:last], np.array([0, last - first]), wandering[index : index + 1], rows)
        assert np.array_equal(alone, together[first:last])


@given(series(), ROWS)
def test_a_row_does_not_see_later_rows(data, rows):
    values, _, wandering = data
    whole = features(values, np.array([0, len(values)]), wandering[:1], rows)
    for cut in range(len(values)):
        head = features(values[:cut], np.array([0, cut]), wandering[:1], rows)
        assert np.array_equal(head, whole[:cut])


@given(series(), ROWS, st.integers(0, 45))
def test_scoring_in_batches_with_their_history_gives_the_same_bits(data, rows, cut):
    values, _, wandering = data
    spec = FeatureSpec(mean_rows=rows)
    whole = features(values, np.array([0, len(values)]), wandering[:1], rows)
    cut = min(cut, len(values))
    history = min(cut, spec.history_rows)
    batch = values[cut - history :]
    later = features(batch, np.array([0, len(batch)]), wandering[:1], rows)
    assert np.array_equal(later[history:], whole[cut:])


def test_a_steady_sensor_is_seen_by_its_level_and_a_wandering_one_by_its_change():
    values = np.array([[1.0, 10.0], [3.0, 20.0]])
    seen = features(values, np.array([0, 2]), np.array([[False, True]]), 2)
    assert seen.tolist() == [[1.0, 0.0, 1.0, 0.0], [3.0, 5.0, 2.0, 0.0]]


def test_no_rows_have_no_features():
    nothing = features(np.empty((0, 2)), np.array([0, 0]), np.array([[False, True]]), 4)
    assert nothing.shape == (0, 4)


def test_a_spec_survives_the_manifest():
    spec = FeatureSpec(Per.DEVICE, 7)
    assert FeatureSpec.from_dict(spec.to_dict()) == spec
    assert FeatureSpec().history_rows == 3


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"per": "room", "mean_rows": 4},
        {"per": "series", "mean_rows": 0},
        {"per": "series", "mean_rows": "x"},
        {"per": "series", "mean_rows": 4, "k": 1},
    ],
)
def test_unknown_features_are_refused(data):
    with pytest.raises(InvalidInput, match="not known here"):
        FeatureSpec.from_dict(data)
