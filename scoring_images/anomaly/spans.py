"""Reads the windows of chosen series: what is not wanted is dropped, and names become numbers, file by file."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import polars as pl

from shared.errors import InvalidInput
from shared.readings import dataset
from shared.storage import BlobStore

NAMES = ["device", "sensor"]
TRANSFERS = 16

type See = Callable[[pl.DataFrame], None]


@dataclass(frozen=True, slots=True)
class SeriesIndex:
    """Numbers series: `frame` has device, sensor and `pair`, the place in the list given."""

    frame: pl.DataFrame

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> "SeriesIndex":
        """The index of (device, sensor) pairs, each named once."""
        schema = {"device": pl.String, "sensor": pl.String}
        return cls(pl.DataFrame(pairs, schema, orient="row").with_row_index("pair"))

    def others(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Device and sensor of all other series, each once."""
        return rows.select(NAMES).unique().join(self.frame, on=NAMES, how="anti")

    def number(self, rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """The rows of these series: `pair` in the place of device and sensor, then the columns; in any order."""
        return rows.join(self.frame, on=NAMES).select("pair", *columns)


@dataclass(frozen=True, slots=True)
class Span:
    """Windows that start in [start, end), as the container `windows` holds them."""

    store: BlobStore
    start: datetime
    end: datetime

    def read(self, index: SeriesIndex, columns: Sequence[str], see: See | None = None) -> pl.DataFrame:
        """`pair`, `window_end` and the columns (mean, min, max) of the series of the index, by pair and time.

        `see` is shown the rows of each file, also those of other series, and may be called by several threads. Raises
        InvalidInput for a file that does not hold windows.
        """
        wanted = ["window_end", "count", *columns]

        def load(name: str) -> pl.DataFrame:
            rows = self._file(name, wanted)
            if see is not None:
                see(rows)
            return index.number(rows, wanted)

        names = [blob.name for blob in dataset.files(self.store, self.start, self.end)]
        with ThreadPoolExecutor(TRANSFERS) as pool:
            rows = pl.concat([index.number(_NO_WINDOWS, wanted), *pool.map(load, names)])
        return _whole(rows.sort("pair", "window_end", "count", "mean")).drop("count")

    def _file(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
        blob = self.store.get(name)
        if blob is None:
            return _NO_WINDOWS
        try:
            rows = pl.read_parquet(BytesIO(blob.data), columns=[*NAMES, *columns])
        except pl.exceptions.PolarsError as error:
            raise InvalidInput(f"{name} in container windows does not hold windows: {error}") from error
        return rows.filter(pl.col("window_end") > pl.lit(self.start), pl.col("window_end") <= pl.lit(self.end))


_NO_WINDOWS = pl.DataFrame(
    schema={
        **dict.fromkeys(NAMES, pl.String),
        "window_end": pl.Datetime("us", "UTC"),
        "count": pl.Int64,
        **dict.fromkeys(("mean", "min", "max"), pl.Float64),
    }
)


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per window, also where its readings came through several partitions; rows are sorted."""
    key = ("pair", "window_end")
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in key)
    if not rows.select(again.any()).item():
        return rows
    mean = (pl.col("mean") * pl.col("count")).sum() / pl.col("count").sum()
    extremes = [pl.col(name).min() if name == "min" else pl.col(name).max() for name in rows.columns[4:]]
    return rows.group_by(key, maintain_order=True).agg(pl.col("count").sum(), mean.alias("mean"), *extremes)
