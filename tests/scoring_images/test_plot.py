"""Plots: no extreme is lost, gaps stay gaps, axes have round labels."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring_images.anomaly.axis import HEIGHT, WIDTH, Axis, ticks, time_ticks, value_axis
from scoring_images.anomaly.plot import band, bars, dots, line, stretches, trace

HOUR = timedelta(hours=1)
ACROSS = Axis(0.0, 3600.0, WIDTH)


def points(path: str) -> list[tuple[int, int]]:
    """The places that a path of relative steps visits."""
    steps = [(int(x), int(y)) for x, y in re.findall(r"[ml](-?\d+) (-?\d+)", path)]
    return [(int(x), int(y)) for x, y in np.cumsum(steps, axis=0)]


def test_a_short_series_is_drawn_as_it_is() -> None:
    x, y = np.array([0.0, 1800.0, 3600.0]), np.array([0.0, 1.0, 0.5])
    path = line(trace(x, y, y, y, HOUR, 100), ACROSS, Axis(0.0, 1.0, HEIGHT, flip=True))
    assert points(path) == [(0, HEIGHT), (WIDTH // 2, 0), (WIDTH, HEIGHT // 2)]


@given(st.integers(0, 9999), st.integers(300, 10_000))
def test_no_spike_is_lost_when_a_long_series_is_reduced(at: int, rows: int) -> None:
    y = np.zeros(rows)
    y[at % rows] = 1.0
    x = np.linspace(0, 3600, rows)
    reduced = trace(x, y, y, y, HOUR, 200)
    assert len(reduced.x) <= 400
    assert reduced.y.max() == 1.0
    assert min(y for _, y in points(line(reduced, ACROSS, Axis(0.0, 1.0, HEIGHT, flip=True)))) == 0


@pytest.mark.parametrize("rows", [100, 5000])
def test_a_gap_breaks_the_line_and_the_band(rows: int) -> None:
    x = np.linspace(0, 3600, rows)
    x = x[(x < 1000) | (x > 1500)]
    y = np.zeros(len(x))
    reduced = trace(x, y, y - 1, y + 1, HOUR, 200)
    up = value_axis(-1.0, 1.0)
    assert line(reduced, ACROSS, up).count("m") == 2
    assert band(reduced, ACROSS, up).count("z") == 2


def test_a_lone_row_is_drawn_as_a_dot() -> None:
    one = np.array([1.0])
    path = line(trace(one, one, one, one, HOUR, 10), ACROSS, value_axis(1.0, 1.0))
    assert path.endswith("h0")


def test_there_is_no_band_where_least_and_greatest_are_equal() -> None:
    x = np.arange(5.0)
    assert band(trace(x, x, x, x, HOUR, 10), ACROSS, value_axis(0.0, 4.0)) == ""


def test_rows_without_a_value_are_left_out() -> None:
    x = np.arange(4.0)
    reduced = trace(x, np.array([1.0, np.nan, 2.0, np.inf]), x, x, HOUR, 10)
    assert reduced.x.tolist() == [0.0, 2.0]


def test_dots_at_one_place_are_one_dot() -> None:
    assert dots(np.array([5, 5, 9]), np.array([1, 1, 2])) == "m5 1h0m4 1h0"


def test_touching_stretches_are_one() -> None:
    path = stretches(np.array([10, 20, 100]), 10, 50)
    assert path == "M5 0h20v50h-20zM95 0h10v50h-10z"
    assert stretches(np.array([], np.int64), 10) == ""


def test_a_single_flagged_window_among_millions_stays_visible() -> None:
    assert bars(np.array([1.0, 1e6, 0.0]), 1e6).count("z") == 2


@given(
    st.floats(-1e12, 1e12, allow_subnormal=False),
    st.floats(1e-6, 1e12),
)
def test_labels_are_few_and_inside_the_axis(low: float, span: float) -> None:
    axis = value_axis(low, low + span)
    labels = ticks(axis)
    assert len(labels) <= 4
    assert all(axis.low <= value <= axis.high for value, _ in labels)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.0, 1.0, ["0.2", "0.4", "0.6", "0.8"]), (70.0, 101.0, ["80", "90", "100"]), (-3.0, 3.0, ["−2", "0", "2"])],
)
def test_labels_are_round(low: float, high: float, expected: list[str]) -> None:
    assert [text for _, text in ticks(value_axis(low, high))] == expected


@pytest.mark.parametrize(
    ("length", "first", "count"),
    [
        (timedelta(hours=1), "22:10", 6),
        (timedelta(minutes=1), "22:03:00", 6),
        (timedelta(hours=24), "21 Nov", 8),
        (timedelta(days=30), "26 Nov", 5),
    ],
)
def test_times_are_round(length: timedelta, first: str, count: int) -> None:
    start = datetime(2026, 11, 20, 22, 3, tzinfo=UTC)
    labels = [text for _, text in time_ticks(start, start + length)]
    assert first in labels[:2]
    assert abs(len(labels) - count) <= 2
