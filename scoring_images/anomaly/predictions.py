"""Predictions as files: Parquet, and CSV in the layout TS,Device,Tag,Val,Prediction; the same rows, the same bytes."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars.io.plugins import register_io_source

from scoring_images.anomaly.rows import Chunk, RowTable, names_of
from shared.anomaly_detection.features import Per
from shared.anomaly_detection.one_class_svm import PackedModels

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "device": pl.String,
    "sensor": pl.String,
    "window_end": pl.Datetime("us", "UTC"),
    "value": pl.Float64,
    "score": pl.Float64,
    "prediction": pl.Int8,
}
CSV_COLUMNS = {"TS": "window_end", "Device": "device", "Tag": "sensor", "Val": "value", "Prediction": "prediction"}
ROWS_PER_GROUP = 262_144


def predictions(models: PackedModels, per: Per, table: RowTable, scores: NDArray[np.float64]) -> pl.LazyFrame:
    """The scored rows, by device, sensor and window end; made chunk by chunk when they are written.

    A model of a whole device has the sensor "" and no value (NaN).
    """
    names = names_of(models, per)

    def frames(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
        for chunk in table.chunks():
            values = chunk.values[:, 0] if per is Per.SERIES else np.full(len(chunk.values), np.nan)
            frame = _frame(names[chunk.first : chunk.last], chunk, table, values, scores[chunk.rows])
            yield frame.select(columns or list(SCHEMA))

    return register_io_source(frames, schema=SCHEMA)


def _frame(
    names: Sequence[tuple[str, str]],
    chunk: Chunk,
    table: RowTable,
    values: NDArray[np.float64],
    score: NDArray[np.float64],
) -> pl.DataFrame:
    counts = np.diff(chunk.offsets)
    model = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    frame = pl.DataFrame(
        {
            "device": pl.Series([device for device, _ in names], dtype=pl.String).gather(model),
            "sensor": pl.Series([sensor for _, sensor in names], dtype=pl.String).gather(model),
            "window_end": pl.Series(table.ends[chunk.rows]).dt.replace_time_zone("UTC"),
            "value": values,
            "score": score,
            "prediction": (score < 0).astype(np.int8),
        }
    )
    return frame.filter(pl.Series(table.scored[chunk.rows]))


def to_parquet(rows: pl.LazyFrame) -> bytes:
    """The rows as Parquet."""
    return _sink(lambda file: rows.sink_parquet(file, compression="zstd", row_group_size=ROWS_PER_GROUP))


def to_csv(rows: pl.LazyFrame) -> bytes:
    """The rows as CSV."""
    named = rows.select(pl.col(column).alias(name) for name, column in CSV_COLUMNS.items())
    return _sink(lambda file: named.sink_csv(file, datetime_format="%Y-%m-%d %H:%M:%S%.3f"))


def _sink(write: Callable[[BytesIO], object]) -> bytes:
    file = BytesIO()
    write(file)
    return file.getvalue()
