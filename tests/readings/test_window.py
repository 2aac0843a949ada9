"""Folding readings into windows: exact counts and extremes, sound moments, independent of batches."""

from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.readings.timestamps import SECOND
from shared.readings.window import Grid, Rows, fold

GRID = Grid(5 * SECOND, 60 * SECOND)
values = st.floats(-1e12, 1e12) | st.floats(-1e-12, 1e-12)
readings = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), values), min_size=1, max_size=60)


def folded(rows: Rows, some: list[tuple[int, int, float]]) -> Rows:
    windows, series, numbers = (np.array(column) for column in zip(*some, strict=True))
    return fold(rows, windows, series, numbers)


def same(one: Rows, other: Rows) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in Rows.__slots__)


@settings(max_examples=40)
@given(readings, st.data())
def test_the_sums_do_not_depend_on_where_a_batch_ends(some: list[tuple[int, int, float]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(some)))
    rows = Rows.empty()
    for part in (some[:cut], some[cut:]):
        rows = folded(rows, part) if part else rows
    one_by_one = Rows.empty()
    for reading in some:
        one_by_one = folded(one_by_one, [reading])
    assert same(rows, folded(Rows.empty(), some))
    assert same(rows, one_by_one)


@settings(max_examples=40)
@given(st.lists(values, min_size=1, max_size=50))
@example([6.895530788141148e-13] * 3)
def test_mean_and_deviation_are_those_of_the_values(numbers: list[float]) -> None:
    rows = folded(Rows.empty(), [(0, 0, number) for number in numbers])
    exact = [Fraction(number) for number in numbers]
    mean = sum(exact) / len(exact)
    std = sqrt(sum((number - mean) ** 2 for number in exact) / len(exact))
    spread = max(numbers) - min(numbers)
    assert rows.mean()[0] == pytest.approx(float(mean), rel=1e-12, abs=1e-12 * spread + 1e-300)
    # Squares below 1e-300 are lost in doubles.
    assert rows.std()[0] == pytest.approx(std, rel=1e-7, abs=1e-7 * spread + 1e-150)
    assert (rows.low[0], rows.high[0], rows.count[0]) == (min(numbers), max(numbers), len(numbers))


def test_the_deviation_is_sound_far_from_zero() -> None:
    rows = folded(Rows.empty(), [(0, 0, 1e9 + x) for x in (4.0, 7.0, 13.0, 16.0)])
    assert rows.std()[0] == pytest.approx(sqrt(22.5))


def test_the_deviation_is_sound_after_an_outlier() -> None:
    numbers = [1e12, *[float(i % 7) for i in range(5000)]]
    rows = folded(Rows.empty(), [(0, 0, number) for number in numbers])
    assert rows.std()[0] == pytest.approx(float(np.std(np.array(numbers))), rel=1e-9)


def test_the_largest_values_stay_finite() -> None:
    rows = folded(Rows.empty(), [(0, 0, sign * 1e150) for sign in (1, -1, 1, -1)])
    assert (rows.mean()[0], rows.std()[0]) == (0.0, 1e150)


def test_rows_before_a_time_come_first() -> None:
    rows = folded(Rows.empty(), [(3, 1, 1.0), (1, 0, 1.0), (2, 5, 1.0)])
    assert rows.starts(GRID).tolist() == [5 * SECOND, 10 * SECOND, 15 * SECOND]
    assert [rows.before(time * SECOND, GRID) for time in (5, 6, 10, 11, 99)] == [0, 1, 1, 2, 3]
