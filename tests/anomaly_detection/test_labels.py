"""Predictions are judged by windows and by anomalies, against either layout of labels."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from shared.anomaly_detection.labels import Confusion, Label, compare, read_labels
from shared.errors import InvalidInput

TEN = datetime(2026, 1, 31, 10, tzinfo=UTC)


def seconds(count: float) -> datetime:
    return TEN + timedelta(seconds=count)


def predictions(flags: str, sensor: str = "1") -> pl.DataFrame:
    """One series of windows of 5 s from TEN; "x" is flagged."""
    ends = [seconds(5 * number + 5) for number in range(len(flags))]
    rows = {"device": "a", "sensor": sensor, "window_end": ends, "prediction": [flag == "x" for flag in flags]}
    return pl.DataFrame(rows).with_columns(pl.col("prediction").cast(pl.Int8))


def test_windows_are_counted_by_truth_and_flag() -> None:
    counts = compare(predictions("..xx.x"), [Label("a", "1", seconds(10), seconds(24))], 5)
    assert counts == Confusion(2, 1, 1, 2, 1, 1)
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert counts.false_alarm_rate == pytest.approx(1 / 3)


def test_a_window_that_begins_when_the_anomaly_ends_belongs_to_it_but_one_that_ends_then_begins_does_not() -> None:
    counts = compare(predictions("...."), [Label("a", "1", seconds(10), seconds(10))], 5)
    assert counts.false_negatives == 1


@pytest.mark.parametrize(("labelled", "met"), [("1", 1), ("", 1), ("2", 0)])
def test_a_label_concerns_its_sensor_or_all_of_them(labelled: str, met: int) -> None:
    assert compare(predictions("x"), [Label("a", labelled, seconds(0), seconds(4))], 5).true_positives == met


def test_a_prediction_of_a_whole_device_meets_every_sensors_labels() -> None:
    assert compare(predictions("x", sensor=""), [Label("a", "2", seconds(0), seconds(4))], 5).true_positives == 1


def test_what_the_models_were_trained_on_is_left_out() -> None:
    assert compare(predictions("xx.."), [], 5, skip=2) == Confusion(0, 0, 0, 2, 0, 0)


def test_labels_of_the_simulator_are_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Device,Tag,Start,End,Kind\na,1,2026-01-31T10:00:00Z,2026-01-31T10:00:05.5Z,spike\n")
    assert read_labels(path) == [Label("a", "1", TEN, seconds(5.5))]


def test_stretches_of_an_anomaly_column_are_labels_of_the_files_device(tmp_path: Path) -> None:
    path = tmp_path / "pump.csv"
    lines = [f"{seconds(n):%Y-%m-%d %H:%M:%S};1;{float(flag)}" for n, flag in enumerate([0, 1, 1, 0, 1])]
    path.write_text("\n".join(["datetime;Current;anomaly", *lines]))
    assert read_labels(path) == [Label("pump", "", seconds(1), seconds(2)), Label("pump", "", seconds(4), seconds(4))]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "time,anomaly\nnoon,1\n", "Device,Start,End\na,b,c\n"])
def test_a_file_without_labels_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"odd\.csv"):
        read_labels(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read: No such file"), (b"\xff\xfe\n", "not UTF-8 text"), (b"a,b\n", "no labels")],
)
def test_a_file_that_holds_no_labels_is_named_with_the_reason(content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "[a].csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=says) as refused:
        read_labels(path)
    assert str(path) in refused.value.message
    assert "Errno" not in str(refused.value)


def test_labels_as_excel_writes_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfDevice,Tag,Start,End,Kind\na,1,2026-01-31T10:00:00Z,2026-01-31T10:00:05Z,spike\n")
    assert read_labels(path) == [Label("a", "1", TEN, seconds(5))]
