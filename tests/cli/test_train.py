"""`tally train anomaly`: from windows in storage to a current bundle."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from cli import train
from shared.anomaly_detection.bundle import read_bundle, registry
from shared.errors import InvalidInput, NotFound
from shared.storage import MemoryStorage

FIRST_HOUR = datetime(2026, 1, 1, 10, tzinfo=UTC)


def windows(start: datetime) -> pl.DataFrame:
    """From `start` 100 windows of two steady sensors and one that stands still, and three of a new device."""
    ends = [start + timedelta(seconds=5 * number) for number in range(1, 101)]
    random = np.random.default_rng(start.hour)
    values = {
        ("pump", "heat"): random.normal(size=100),
        ("pump", "press"): random.normal(size=100),
        ("valve", "open"): np.ones(100),
        ("[new]", "flow"): np.ones(3),
    }
    return pl.concat(
        pl.DataFrame({"device": device, "sensor": sensor, "window_end": ends[: len(mean)], "mean": mean})
        for (device, sensor), mean in values.items()
    ).with_columns(
        pl.col("window_end").cast(pl.Datetime("us", "UTC")),
        count=pl.lit(1, pl.Int64),
        min=pl.col("mean"),
        max=pl.col("mean"),
        std=pl.lit(0.0),
    )


@pytest.fixture
def storage(monkeypatch):
    memory = MemoryStorage()
    for start in (FIRST_HOUR, FIRST_HOUR + timedelta(days=400)):
        file = BytesIO()
        windows(start).write_parquet(file)
        name = f"{start:date=%Y-%m-%d/hour=%H/p0-%Y%m%dT%H%M%SZ}.parquet"
        memory.data("windows").put(name, file.getvalue())
    monkeypatch.setattr(train, "storage", lambda: memory)
    return memory


def tally(*arguments: str) -> str:
    app = typer.Typer()
    train.register(app)
    result = CliRunner().invoke(app, ["train", "anomaly", "--jobs", "1", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def bundle(storage):
    store = storage.control("bundles")
    return read_bundle(store, registry(store).current())


def test_every_series_that_can_gets_a_model_and_the_others_are_named(storage):
    output = tally()
    assert [bundle(storage).models[n].sensors for n in range(2)] == [("heat",), ("press",)]
    assert "2 models" in output
    assert "no model for [new]/flow: 6 rows" in output
    assert "no model for valve/open: constant" in output


def test_windows_of_all_hours_are_used_however_far_apart(storage):
    tally()
    assert bundle(storage).manifest.metrics["rows"] == 2 * 303
    assert bundle(storage).manifest.data_span == (
        FIRST_HOUR + timedelta(seconds=5),
        FIRST_HOUR + timedelta(days=400, seconds=500),
    )


def test_only_windows_of_the_span_are_used(storage):
    tally("--from", "2026-01-01T10:00:05", "--to", "2026-01-02")
    assert bundle(storage).manifest.metrics["rows"] == 303 - 4


def test_only_the_first_rows_are_used(storage):
    tally("--first", "60")
    assert bundle(storage).manifest.metrics["rows"] == 3 * 60 + 6


def test_a_device_can_have_one_model_for_all_its_sensors(storage):
    tally("--per", "device", "--false-alarm-rate", "0.01")
    trained = bundle(storage)
    assert trained.models[0].sensors == ("heat", "press")
    assert trained.manifest.features["per"] == "device"
    assert trained.manifest.parameters["false_alarm_rate"] == 0.01


def test_a_span_without_windows_is_an_error(storage):
    with pytest.raises(NotFound, match="no windows"):
        tally("--from", "2026-02-01", "--to", "2026-02-02")


def test_parameters_outside_their_range_are_refused_before_anything_is_read(storage):
    with pytest.raises(InvalidInput, match="nu is 0"):
        tally("--nu", "0")
