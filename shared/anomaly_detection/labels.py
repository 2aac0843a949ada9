"""Labelled anomalies beside predictions: how many were found, and how many flags were for nothing."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import InvalidInput

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, slots=True)
class Label:
    """An anomaly of a device from the first to the last anomalous reading; sensor "" means all of them."""

    device: str
    sensor: str
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Confusion:
    """Windows counted by what they are and what was said of them; anomalies count once, found or not."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    anomalies: int
    found: int

    @property
    def precision(self) -> float:
        """Share of the flagged windows that are anomalous."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the anomalous windows that were flagged."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)

    @property
    def false_alarm_rate(self) -> float:
        """Share of the normal windows that were flagged."""
        return _share(self.false_positives, self.false_positives + self.true_negatives)


def read_labels(path: Path) -> list[Label]:
    """Labels of a CSV file: `Device,Tag,Start,End,Kind` as `tally simulate` writes, or a time column and `anomaly`.

    The second kind is about the device that the file is named after. Raises InvalidInput.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = max(",;\t", key=file.readline().count)
            file.seek(0)
            rows = csv.DictReader(file, delimiter=separator)
            names = {name.lower(): name for name in rows.fieldnames or ()}
            if {"device", "start", "end"} <= names.keys():
                return list(_intervals(rows))
            time = next((names[name] for name in ("ts", "timestamp", "time", "datetime") if name in names), None)
            if time and "anomaly" in names:
                return list(_stretches(rows, path.stem, time, names["anomaly"]))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from error
    except (ValueError, KeyError) as error:
        raise InvalidInput(f"{path} is not a file of labels: {error}.") from error
    raise InvalidInput(f"{path} has no labels.", "Columns Device,Tag,Start,End are asked for, or a time and `anomaly`.")


def _intervals(rows: "csv.DictReader[str]") -> Iterator[Label]:
    for row in rows:
        yield Label(row["Device"], row.get("Tag") or "", _time(row["Start"]), _time(row["End"]))


def _stretches(rows: "csv.DictReader[str]", device: str, time: str, anomaly: str) -> Iterator[Label]:
    for anomalous, stretch in groupby(rows, key=lambda row: float(row[anomaly]) > 0):
        times = [_time(row[time]) for row in stretch]
        if anomalous:
            yield Label(device, "", min(times), max(times))


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def compare(predictions: "polars.DataFrame", labels: list[Label], window_seconds: int, skip: int = 0) -> Confusion:
    """Count the windows of `predictions` against the labels; the first `skip` of every series are left out.

    A window is anomalous where a label's span meets it. A prediction about a whole device meets every sensor's labels.
    """
    import polars as pl

    key = ["device", "sensor"]
    rows = predictions.sort(*key, "window_end").filter(pl.int_range(pl.len()).over(key) >= skip)
    window, end = timedelta(seconds=window_seconds), pl.col("window_end")
    truth, anomalies, found = pl.repeat(False, rows.height, eager=True), 0, 0
    for label in labels:
        concerns = (pl.col("device") == label.device) & (
            (pl.col("sensor") == label.sensor) | (pl.col("sensor") == "") | pl.lit(label.sensor == "")
        )
        met = rows.select((concerns & (end > label.first) & (end - window <= label.last)).alias("met"))["met"]
        anomalies += bool(met.any())
        found += bool((met & (rows["prediction"] == 1)).any())
        truth |= met
    said = rows["prediction"] == 1
    tp, fp, fn, tn = (int(both.sum()) for both in (truth & said, ~truth & said, truth & ~said, ~truth & ~said))
    return Confusion(tp, fp, fn, tn, anomalies, found)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
