"""Ranks the series of a run, worst first, from the predictions of its parts, one part in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring_images.anomaly.job import Job
from scoring_images.anomaly.summary import SeriesSummary
from shared.anomaly_detection.one_class_svm import PackedModels
from shared.errors import NotFound
from shared.storage import BlobStore

NAMES = ["device", "sensor"]
TIMELINE_BINS = 120
MICROSECOND = 1_000_000

type Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The worst series in order, how many were scored and flagged, and flagged windows per bin of the span."""

    worst: tuple[SeriesSummary, ...]
    series: int
    series_flagged: int
    timeline: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PartRows:
    """The predictions of a run's parts."""

    store: BlobStore
    job: Job
    numbers: Sequence[int]

    def __iter__(self) -> Iterator[pl.LazyFrame]:
        """Each part's rows; a part is fetched when its turn comes. Raises NotFound where one is missing."""
        for number in self.numbers:
            name = self.job.part_name(number, "parquet")
            blob = self.store.get(name)
            if blob is None:
                raise NotFound(f"{name} is missing.", "Score that part, then merge again.")
            yield pl.scan_parquet(BytesIO(blob.data))


def time_bin(job: Job, bins: int) -> pl.Expr:
    """The bin of the span, of `bins` equal ones, in which a row's window ends."""
    start, end = (round(moment.timestamp() * MICROSECOND) for moment in (job.start, job.end))
    after = pl.col("window_end").to_physical() - start - 1
    return (after * bins // (end - start)).clip(0, bins - 1).alias("bin")


def rank(parts: PartRows, models: PackedModels, names: Pairs, most: int) -> Ranking:
    """Rank all series by flagged windows, then by how unlike the training data the worst window was.

    `names` says under which device and sensor each model's predictions are; `most` is how many series to list.
    """
    scales = _scales(models, names)
    tables = [pl.DataFrame(schema={**scales.schema, **_COUNTS})]
    timeline = np.zeros(TIMELINE_BINS, np.int64)
    for rows in parts:
        flagged = rows.filter(pl.col("prediction") == 1).group_by(time_bin(parts.job, TIMELINE_BINS)).len().collect()
        timeline[flagged["bin"].to_numpy()] += flagged["len"].to_numpy()
        tables.append(_per_series(rows).join(scales, on=NAMES).select(tables[0].columns))
    table = pl.concat(tables).with_columns(likeness=1 + pl.col("lowest") / pl.col("reach"))
    table = table.sort("flagged", "likeness", *NAMES, descending=[True, False, False, False])
    worst = tuple(_series(row) for row in table.head(most).iter_rows(named=True))
    return Ranking(worst, len(table), int((table["flagged"] > 0).sum()), timeline)


_COUNTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "windows": pl.Int64,
    "flagged": pl.Int64,
    "lowest": pl.Float64,
    "first": pl.Datetime("us", "UTC"),
    "last": pl.Datetime("us", "UTC"),
}


def _per_series(rows: pl.LazyFrame) -> pl.DataFrame:
    flagged = pl.col("prediction") == 1
    query = rows.group_by(NAMES).agg(
        windows=pl.len().cast(pl.Int64),
        flagged=flagged.sum().cast(pl.Int64),
        lowest=pl.col("score").min(),
        first=pl.col("window_end").filter(flagged).min(),
        last=pl.col("window_end").filter(flagged).max(),
    )
    return query.collect(engine="streaming")


def _scales(models: PackedModels, names: Pairs) -> pl.DataFrame:
    """How far a score can fall below the threshold: to where nothing in the training data is alike."""
    frame = pl.DataFrame(names, {"device": pl.String, "sensor": pl.String}, orient="row")
    return frame.with_columns(reach=pl.Series(models.thresholds + models.rho, dtype=pl.Float64))


def _series(row: dict[str, object]) -> SeriesSummary:
    fields = ("device", "sensor", "windows", "flagged", "likeness", "first", "last")
    return SeriesSummary(*(_utc(row[name]) for name in fields))  # type: ignore[arg-type]


def _utc(value: object) -> object:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
