"""Laying windows out for the models: every row reaches its own model, however the work is cut."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring_images.anomaly import rows
from scoring_images.anomaly.rows import lay_out, pairs_of
from scoring_images.anomaly.score import score_rows
from shared.anomaly_detection.features import FeatureSpec, Per
from shared.anomaly_detection.one_class_svm import PackedModels, pack
from tests.scoring_images.plant import START, WINDOW, model

fleets = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 12)), min_size=1, max_size=6)


def fleet(shape: list[tuple[int, int]]) -> tuple[PackedModels, pl.DataFrame]:
    """Models with these numbers of sensors and windows, and the windows: values grow from row to row."""
    models = pack([model(f"d{n}", *"xyz"[:sensors]) for n, (sensors, _) in enumerate(shape)])
    found = []
    for pair, (device, _) in enumerate(pairs_of(models)):
        count = shape[int(device[1:])][1]
        ends = [START + (n + 1) * WINDOW for n in range(count)]
        values = [100.0 * pair + n for n in range(count)]
        found.append(
            pl.DataFrame(
                {"pair": [pair] * count, "window_end": ends, "mean": values},
                schema={"pair": pl.UInt32, "window_end": pl.Datetime("us", "UTC"), "mean": pl.Float64},
            )
        )
    return models, pl.concat(found)


@given(fleets, st.integers(1, 40))
def test_chunks_hold_every_row_of_every_model_once_and_in_order(shape: list[tuple[int, int]], size: int) -> None:
    models, windows = fleet(shape)
    table = lay_out(models, windows, START)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "CHUNK_ROWS", size)
        chunks = list(table.chunks())
    assert [n for chunk in chunks for n in range(chunk.first, chunk.last)] == list(range(len(shape)))
    pair = 0
    for chunk in chunks:
        for n in range(chunk.first, chunk.last):
            sensors, count = shape[n]
            own = slice(*chunk.offsets[n - chunk.first : n - chunk.first + 2])
            expected = 100.0 * np.arange(pair, pair + sensors) + np.arange(count)[:, None]
            assert np.array_equal(chunk.values[own], expected)
            pair += sensors


@given(fleets, st.integers(1, 40))
@settings(max_examples=20)
def test_scores_do_not_depend_on_the_size_of_chunks(shape: list[tuple[int, int]], size: int) -> None:
    models, windows = fleet(shape)
    table = lay_out(models, windows, START)
    spec = FeatureSpec(Per.DEVICE)
    whole = score_rows(models, table, spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "CHUNK_ROWS", size)
        assert np.array_equal(score_rows(models, table, spec), whole)


@given(fleets, st.integers(0, 12))
def test_rows_that_begin_before_the_span_are_only_history(shape: list[tuple[int, int]], skip: int) -> None:
    models, windows = fleet(shape)
    table = lay_out(models, windows, START + skip * WINDOW)
    assert len(table.scored) == sum(count for _, count in shape)
    assert table.scored.sum() == sum(max(0, count - skip) for _, count in shape)
    assert table.skipped == 0


def test_a_device_row_needs_all_its_sensors() -> None:
    models, windows = fleet([(2, 4), (1, 4)])
    gone = (pl.col("pair") == 1) & (pl.col("window_end") == START + timedelta(seconds=10))
    table = lay_out(models, windows.filter(~gone), START)
    assert np.diff(table.offsets).tolist() == [3, 4]
    assert table.skipped == 1
