"""Reads the windows of chosen series over any span with little memory: slice by slice, keeping only what counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from shared.readings.dataset import read_windows
from shared.storage import BlobStore

FEW_ROWS, MANY_ROWS = 250_000, 2_000_000
FIRST_SLICE_SECONDS = 600
NAMES = ["device", "sensor"]

type Keep = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class SeriesIndex:
    """Numbers series: `frame` has device, sensor and `pair`, the place in the list given."""

    frame: pl.DataFrame

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> "SeriesIndex":
        """The index of (device, sensor) pairs, each named once."""
        schema = {"device": pl.String, "sensor": pl.String}
        return cls(pl.DataFrame(pairs, schema, orient="row").with_row_index("pair"))

    def keep(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of these series."""
        return rows.join(self.frame, on=NAMES, how="semi", maintain_order="left")

    def others(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Device and sensor of all other series, each once."""
        return rows.select(NAMES).unique().join(self.frame, on=NAMES, how="anti")

    def number(self, rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        """`pair` in the place of device and sensor, then the columns."""
        return rows.join(self.frame, on=NAMES, maintain_order="left").select("pair", *columns)


@dataclass(frozen=True, slots=True)
class SpanReader:
    """Reads windows whose files hold `file_seconds` each."""

    store: BlobStore
    file_seconds: int

    def read(
        self, index: SeriesIndex, start: datetime, end: datetime, columns: Sequence[str], keep: Keep | None = None
    ) -> pl.DataFrame:
        """`pair` and the columns of the windows that start in [start, end), in time order per pair.

        `keep` is shown the rows of every file, and returns those of the index at least.
        """
        slices = [index.number(rows, columns) for rows in self._slices(start, end, keep or index.keep)]
        return pl.concat(slices)

    def _slices(self, start: datetime, end: datetime, keep: Keep) -> Iterator[pl.DataFrame]:
        files = max(1, FIRST_SLICE_SECONDS // self.file_seconds)
        while start < end:
            until = min(end, start + timedelta(seconds=files * self.file_seconds))
            rows = read_windows(self.store, start, until, keep=keep)
            yield rows
            start = until
            if len(rows) < FEW_ROWS:
                files *= 2
            elif len(rows) > MANY_ROWS:
                files = max(1, files // 2)
