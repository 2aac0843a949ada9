"""Windows become rows: sorted, finite, a device's sensors joined on the time."""

from datetime import UTC, datetime, timedelta

import polars as pl

from shared.anomaly_detection.features import Per
from shared.anomaly_detection.rows import rows_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def windows(*facts: tuple[str, str, int, float | None]) -> pl.DataFrame:
    columns = {"device": pl.String, "sensor": pl.String, "second": pl.Int64, "mean": pl.Float64}
    frame = pl.DataFrame(facts, schema=columns, orient="row")
    return frame.with_columns(window_end=pl.lit(START) + pl.duration(seconds="second")).drop("second")


MIXED = windows(
    ("b", "x", 10, 4.0),
    ("a", "y", 5, 2.0),
    ("a", "x", 5, 1.0),
    ("a", "x", 10, float("nan")),
    ("a", "y", 10, 20.0),
    ("a", "x", 0, 0.5),
    ("a", "y", 0, 0.25),
    ("c", "x", 0, float("inf")),
    ("c", "y", 5, None),
)


def test_each_series_has_its_finite_values_in_time_order():
    found = {(rows.device, *rows.sensors): rows.values[:, 0].tolist() for rows in rows_of(MIXED, Per.SERIES)}
    assert found == {
        ("a", "x"): [0.5, 1.0],
        ("a", "y"): [0.25, 2.0, 20.0],
        ("b", "x"): [4.0],
        ("c", "x"): [],
        ("c", "y"): [],
    }


def test_each_device_has_the_rows_that_all_its_sensors_have():
    found = {(rows.device, rows.sensors): rows.values.tolist() for rows in rows_of(MIXED, Per.DEVICE)}
    assert found == {
        ("a", ("x", "y")): [[0.5, 0.25], [1.0, 2.0]],
        ("b", ("x",)): [[4.0]],
        ("c", ("x", "y")): [],
    }


def test_only_the_first_rows_are_taken_where_asked():
    assert [len(rows.values) for rows in rows_of(MIXED, Per.SERIES, first=1)] == [1, 1, 1, 0, 0]


def test_many_devices_keep_their_names_and_order():
    facts = [(f"d{n:03}", "x", t, float(n + t)) for t in range(3) for n in reversed(range(200))]
    for per in Per:
        found = rows_of(windows(*facts), per)
        assert [rows.device for rows in found] == [f"d{n:03}" for n in range(200)]
        assert all(rows.values[:, 0].tolist() == [n, n + 1, n + 2] for n, rows in enumerate(found))


def test_no_windows_give_no_rows():
    empty = MIXED.filter(pl.col("window_end") > START + timedelta(days=1))
    assert [rows_of(empty, per) for per in Per] == [[], []]
