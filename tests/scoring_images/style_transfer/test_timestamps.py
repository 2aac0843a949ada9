"""Repaired timestamps increase, and those that were right stay."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scoring_images.style_transfer.timestamps import repaired, typical_step


@given(st.lists(st.none() | st.integers(-1000, 100_000)), st.integers(1, 100))
def test_repaired_timestamps_strictly_increase(raw: list[int | None], step: int) -> None:
    done = repaired(raw, step, far=1000)
    assert len(done) == len(raw)
    assert all(a < b for a, b in pairwise(done))


@given(st.sets(st.integers(-1000, 100_000)))
def test_timestamps_that_increase_stay_as_they_are(raw: set[int]) -> None:
    assert repaired(sorted(raw), 40, far=1000) == sorted(raw)


def test_a_missing_one_follows_the_one_before() -> None:
    assert repaired([None, None, 80, None, 160], 40, far=1000) == [0, 40, 80, 120, 160]
    assert repaired([None, None], 40, far=1000) == [0, 40]


def test_a_repeated_one_lies_half_way_to_the_next() -> None:
    assert repaired([0, 40, 40, 80, 120], 40, far=1000) == [0, 40, 60, 80, 120]


def test_after_a_leap_back_time_goes_on() -> None:
    assert repaired([5000, 5040, 0, 40, 80], 40, far=1000) == [5000, 5040, 5080, 5120, 5160]


def test_the_typical_step_is_the_median() -> None:
    assert typical_step([0, 40, 80, None, 500, 540], 1) == 40
    assert typical_step([7], 33) == 33
