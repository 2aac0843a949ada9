"""Packed models: nothing is lost, and a share of them costs no copy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.anomaly_detection.one_class_svm import SeriesModel, pack
from shared.errors import InvalidInput
from tests.anomaly_detection.packs import made_up, models, same


@given(st.lists(models(), max_size=6))
def test_models_come_out_of_a_pack_as_they_went_in(given_models: list[SeriesModel]) -> None:
    packed = pack(given_models)
    assert len(packed) == len(given_models)
    assert all(same(packed[index], model) for index, model in enumerate(given_models))


@given(st.lists(models(), max_size=6), st.integers(0, 7), st.integers(0, 7))
def test_a_slice_holds_the_models_of_a_list_slice(given_models: list[SeriesModel], first: int, last: int) -> None:
    part = pack(given_models)[first:last]
    expected = given_models[first:last]
    assert len(part) == len(expected)
    assert all(same(part[index], model) for index, model in enumerate(expected))


def test_a_slice_shares_the_numbers_of_the_whole() -> None:
    packed = pack([made_up(seed=seed) for seed in range(4)])
    part = packed[1:3]
    assert all(
        np.shares_memory(getattr(part, name), getattr(packed, name)) for name in ("vectors", "weights", "means", "rho")
    )


def test_an_index_past_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        pack([made_up()])[1]


def test_a_step_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a step"):
        pack([made_up()])[::2]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("weights", np.ones(4)),
        ("scale", np.ones(1)),
        ("wandering", np.zeros(2, np.bool_)),
        ("vectors", np.empty((0, 2))),
    ],
)
def test_arrays_of_unlike_sizes_are_refused_by_name(part: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="pump/1 has arrays of unlike sizes"):
        pack([replace(made_up(), **{part: value})])


@pytest.mark.parametrize(
    ("part", "value"),
    [("scale", np.zeros(2)), ("mean", np.array([np.nan, 0])), ("gamma", 0.0), ("rho", np.inf)],
)
def test_numbers_that_cannot_be_computed_with_are_refused_by_name(part: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="pump/1 has numbers"):
        pack([replace(made_up(), **{part: value})])
