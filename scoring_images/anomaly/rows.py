"""Lays windows out as the models want them: the rows of each model together, in time order, one value per sensor."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shared.anomaly_detection.features import Per
from shared.anomaly_detection.one_class_svm import PackedModels

CHUNK_ROWS = 500_000

type Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive models [first, last) with the same number of sensors, and their rows."""

    first: int
    last: int
    rows: slice
    values: NDArray[np.float64]  # [rows, sensors]
    offsets: Integers  # [last - first + 1], within the chunk


@dataclass(frozen=True, slots=True)
class RowTable:
    """The rows of all models of a part; `scored` is false for those before the span, which only give history."""

    ends: NDArray[np.datetime64]  # [rows]
    scored: NDArray[np.bool_]  # [rows]
    values: NDArray[np.float64]  # one row's sensors, then the next one's
    offsets: Integers  # [models + 1], in rows
    sensors: Integers  # [models]
    skipped: int

    def chunks(self) -> Iterator[Chunk]:
        """All models in order, about CHUNK_ROWS rows at a time."""
        starts = np.append(0, np.cumsum(np.diff(self.offsets) * self.sensors))
        first = 0
        while first < len(self.sensors):
            last = self._chunk_end(first)
            rows = slice(int(self.offsets[first]), int(self.offsets[last]))
            values = self.values[starts[first] : starts[last]].reshape(-1, int(self.sensors[first]))
            yield Chunk(first, last, rows, values, self.offsets[first : last + 1] - self.offsets[first])
            first = last

    def _chunk_end(self, first: int) -> int:
        unlike = np.flatnonzero(self.sensors[first:] != self.sensors[first])
        most = first + int(unlike[0]) if len(unlike) else len(self.sensors)
        fitting = int(np.searchsorted(self.offsets, self.offsets[first] + CHUNK_ROWS, side="right")) - 1
        return min(most, max(first + 1, fitting))


def pairs_of(models: PackedModels) -> list[tuple[str, str]]:
    """Device and sensor of everything that the models look at, model by model."""
    return [(device, sensor) for device, sensors in models.names for sensor in sensors]


def names_of(models: PackedModels, per: Per) -> list[tuple[str, str]]:
    """Device and sensor under which each model's predictions go; the sensor of a whole device is ""."""
    return [(device, "" if per is Per.DEVICE else sensors[0]) for device, sensors in models.names]


def lay_out(models: PackedModels, windows: pl.DataFrame, start: datetime) -> RowTable:
    """The rows of the models from windows: columns pair (see `pairs_of`), window_end, mean, by pair and time.

    A row needs a finite value of each sensor of its model; those of the span that lack one are counted as skipped.
    The span begins at `start`.
    """
    sensors = np.array([len(names) for _, names in models.names], np.int64)
    owner = pl.Series("model", np.repeat(np.arange(len(models), dtype=np.uint32), sensors))
    scored = (pl.col("window_end") > pl.lit(start)).alias("scored")
    every = windows.with_columns(owner.gather(windows["pair"]), scored)
    rows = every.filter(pl.col("mean").is_finite())
    wanted = pl.col("scored").sum()
    if sensors.max(initial=1) > 1:
        rows = _complete(rows.sort("model", "window_end", "pair"), sensors)
        wanted = pl.struct("model", "window_end").filter("scored").n_unique()
    counts = np.bincount(rows["model"].to_numpy(), minlength=len(models)) // sensors
    first = _first_of_rows(counts, sensors)
    table = RowTable(
        ends=rows["window_end"].to_physical().to_numpy().view("datetime64[us]")[first],
        scored=rows["scored"].to_numpy()[first],
        values=rows["mean"].to_numpy(),
        offsets=np.append(0, np.cumsum(counts)),
        sensors=sensors,
        skipped=0,
    )
    return replace(table, skipped=every.select(wanted).item() - int(table.scored.sum()))


def _complete(rows: pl.DataFrame, sensors: Integers) -> pl.DataFrame:
    needed = pl.Series(sensors).gather(rows["model"])
    return rows.filter(pl.len().over("model", "window_end") == needed)


def _first_of_rows(counts: Integers, sensors: Integers) -> Integers:
    """Where each row's first sensor stands among all values."""
    each = np.repeat(sensors, counts)
    return np.cumsum(each) - each
