"""Turns windows, as they are stored, into the rows that models look at: those of each series, or of each device."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from shared.anomaly_detection.features import Floats, Per

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """The rows of one series (or device) in time order: values f64[rows, sensors], all finite."""

    device: str
    sensors: tuple[str, ...]
    values: Floats


def rows_of(windows: "polars.DataFrame", per: Per, first: int | None = None) -> list[SeriesRows]:
    """The rows of every series, or device, sorted by name; of each only the `first` ones where that is given.

    windows: columns device, sensor, window_end, mean; a window of a series occurs once. Windows without a finite mean
    are left out, and of a device those that not all its sensors have. One that has no rows at all is listed without.
    """
    found = _by_series(windows) if per is Per.SERIES else _by_device(windows)
    return [SeriesRows(rows.device, rows.sensors, rows.values[:first]) for rows in found]


def _by_series(windows: "polars.DataFrame") -> Iterator[SeriesRows]:
    import polars as pl

    windows = windows.sort("device", "sensor", "window_end")
    finite = pl.col("mean").is_finite().fill_null(value=False)
    series = windows.group_by("device", "sensor", maintain_order=True).agg(finite.sum().alias("rows"))
    values = windows.filter(finite)["mean"].to_numpy()
    bounds = np.cumsum([0, *series["rows"]]).tolist()
    names = zip(series["device"], series["sensor"], strict=True)
    for (device, sensor), (start, end) in zip(names, pairwise(bounds), strict=True):
        yield SeriesRows(device, (sensor,), values[start:end, None])


def _by_device(windows: "polars.DataFrame") -> Iterator[SeriesRows]:
    import polars as pl

    expected = windows.group_by("device").agg(pl.col("sensor").unique().sort().alias("sensors")).sort("device")
    finite = windows.filter(pl.col("mean").is_finite()).join(expected, on="device")
    whole = finite.filter(pl.len().over("device", "window_end") == pl.col("sensors").list.len())
    whole = whole.sort("device", "window_end", "sensor")
    held = whole.group_by("device").agg(pl.len().alias("values"))
    expected = expected.join(held, on="device", how="left", maintain_order="left").fill_null(0)
    values = whole["mean"].to_numpy()
    bounds = np.cumsum([0, *expected["values"]]).tolist()
    names = zip(expected["device"], expected["sensors"], strict=True)
    for (device, sensors), (start, end) in zip(names, pairwise(bounds), strict=True):
        yield SeriesRows(device, tuple(sensors), values[start:end].reshape(-1, len(sensors)))
