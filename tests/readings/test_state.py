"""A partition's state survives its blob, and says what it owes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.readings.advance import Limits, advance
from shared.readings.state import PartitionState, all_sealed, decode, encode, on_grid, without_written
from shared.readings.timestamps import SECOND
from shared.readings.window import Grid
from tests.readings.plain import batch, body

GRID = Grid(5 * SECOND, 60 * SECOND)
LIMITS = Limits(10 * SECOND, 300 * SECOND)
bodies = st.lists(
    st.builds(body, st.floats(-90, 290), st.floats(-9, 9), st.sampled_from(["a", "b"]), st.integers(0, 3)), min_size=1
)


def after(some: list[bytes]) -> PartitionState:
    return advance(PartitionState(GRID), batch(some), LIMITS, "0")


@settings(max_examples=40)
@given(bodies)
def test_a_state_survives_its_blob(some: list[bytes]) -> None:
    state = after(some)
    again = decode(encode(state))
    assert encode(again) == encode(state)
    more = batch([body(300), b"no"], first=100)
    assert encode(advance(again, more, LIMITS, "0")) == encode(advance(state, more, LIMITS, "0"))


@settings(max_examples=40)
@given(bodies)
def test_what_was_written_leaves_and_open_windows_stay(some: list[bytes]) -> None:
    state = after(some)
    kept = without_written(state)
    assert not kept.owes_files
    assert len(kept.rows) == len(state.rows) - state.sealed_rows
    assert kept.counters.rows == state.sealed_rows
    pairs = [state.names.series[i] for i in state.rows.series[state.sealed_rows :]]
    assert [kept.names.series[i] for i in kept.rows.series] == pairs


@settings(max_examples=40)
@given(bodies)
def test_sealing_everything_leaves_nothing_open(some: list[bytes]) -> None:
    state = all_sealed(after(some))
    assert state.sealed_rows == len(state.rows)
    assert len(without_written(state).rows) == len(without_written(state).names.series) == 0


def test_series_without_open_windows_are_forgotten() -> None:
    state = after([body(0, 1.0, "gone"), body(100, 1.0, "here")])
    assert without_written(state).names.series == [("here", "t")]


def test_a_new_grid_begins_on_a_boundary_of_both() -> None:
    state = replace(PartitionState(Grid(5 * SECOND, 60 * SECOND)), watermark=61 * SECOND)
    assert on_grid(state, Grid(10 * SECOND, 300 * SECOND)).watermark == 300 * SECOND


@pytest.mark.parametrize("data", [b"", b"\x80", b"not msgpack", encode(PartitionState(GRID))[:-3]])
def test_a_damaged_state_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="state cannot be read"):
        decode(data)


def test_a_state_of_another_version_is_refused() -> None:
    data = encode(PartitionState(GRID)).replace(b"\xa7version\x01", b"\xa7version\x02")
    with pytest.raises(InvalidInput, match="version 2, not 1"):
        decode(data)


def test_columns_of_different_lengths_are_refused() -> None:
    state = after([body(0)])
    short = replace(state.rows, low=np.zeros(0))
    with pytest.raises(InvalidInput, match="state cannot be read"):
        decode(encode(replace(state, rows=short)))
