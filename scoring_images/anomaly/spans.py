"""Reads the windows of chosen series: what is not wanted is dropped, and names become numbers, file by file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from shared.readings import dataset
from shared.storage import BlobStore

NAMES = ["device", "sensor"]

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

        def keep(rows: pl.DataFrame) -> pl.DataFrame:
            if see is not None:
                see(rows)
            return index.number(rows, wanted)

        rows = dataset.read_files(self.store, self.start, self.end, [*NAMES, *wanted], keep)
        return dataset.merged(rows, ["pair", "window_end"]).drop("count")
