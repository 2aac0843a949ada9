"""Windows in Blob Storage: Parquet by date and hour, written once per partition and file interval, read by span."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from shared.errors import InvalidInput
from shared.readings.event import Series
from shared.readings.timestamps import from_micros
from shared.readings.window import Grid, Rows
from shared.storage import BlobInfo, BlobStore

if TYPE_CHECKING:
    import polars

    type Keep = Callable[[polars.DataFrame], polars.DataFrame]

COLUMNS = ("device", "sensor", "window_end", "count", "mean", "min", "max", "std")
KEY = COLUMNS[:3]
_NAME = re.compile(r"date=([0-9-]{10})/hour=([0-9]{2})/(?:p(.+)-([0-9]{8}T[0-9]{6}Z)|[^/]+)\.parquet")
_HOUR = timedelta(hours=1)
_TRANSFERS = 16


def file_name(partition: str, start: int) -> str:
    """Blob name of a partition's windows that begin in the file interval from `start` (microseconds)."""
    return f"{from_micros(start):date=%Y-%m-%d/hour=%H}/p{partition}-{from_micros(start):%Y%m%dT%H%M%SZ}.parquet"


def file_start(name: str) -> datetime | None:
    """Start of the interval whose windows a file holds; None for a blob of another kind.

    A Parquet file that something else put there, such as Stream Analytics, is taken to hold its hour.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    text, form = (match[4], "%Y%m%dT%H%M%SZ") if match[4] else (f"{match[1]}T{match[2]}", "%Y-%m-%dT%H")
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def write(store: BlobStore, partition: str, rows: Rows, names: list[Series], grid: Grid) -> int:
    """Write rows into the files of their intervals, each whole; the same rows give the same bytes.

    Returns how many files there were.
    """
    numbers = rows.starts(grid) // grid.file

    def write_one(number: int) -> None:
        part = rows.take(slice(*np.searchsorted(numbers, [number, number + 1]).tolist()))
        store.put(file_name(partition, number * grid.file), to_parquet(part, names, grid))

    files = np.unique(numbers).tolist()
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        list(pool.map(write_one, files))
    return len(files)


def to_parquet(rows: Rows, names: list[Series], grid: Grid) -> bytes:
    """The rows as a Parquet file, sorted by device, sensor and window end."""
    import polars as pl

    devices, sensors = (pl.Series([pair[i] for pair in names], dtype=pl.String) for i in (0, 1))
    frame = pl.DataFrame(
        {
            "device": devices.gather(rows.series),
            "sensor": sensors.gather(rows.series),
            "window_end": pl.Series(rows.starts(grid) + grid.window).cast(pl.Datetime("us", "UTC")),
            "count": rows.count,
            "mean": rows.mean(),
            "min": rows.low,
            "max": rows.high,
            "std": rows.std(),
        }
    )
    file = BytesIO()
    frame.sort("device", "sensor", "window_end").write_parquet(file, compression="zstd")
    return file.getvalue()


def read_windows(store: BlobStore, start: datetime, end: datetime, keep: "Keep | None" = None) -> "polars.DataFrame":
    """Windows that start in [start, end), sorted by device, sensor and window end; both bounds on window boundaries.

    Columns: device, sensor (str), window_end (datetime[us, UTC]), count (i64), mean, min, max, std (f64). A window
    whose readings came through several partitions is one row. Only the span's hours are listed and its files read.
    `keep` is shown the rows of each file in the span, and returns those wanted. Raises InvalidInput for a file that
    does not hold windows.
    """
    return merged(read_files(store, start, end, COLUMNS, keep or (lambda rows: rows)), KEY)


def read_files(
    store: BlobStore, start: datetime, end: datetime, columns: Sequence[str], keep: "Keep"
) -> "polars.DataFrame":
    """What `keep` makes of the rows of each file, some of the columns of `read_windows`, one below the other.

    `keep` may be called by several threads, also with no rows. Raises InvalidInput for a file that holds no windows.
    """
    import polars as pl

    nothing = _no_windows().select(columns)
    inside = (pl.col("window_end") > pl.lit(start)) & (pl.col("window_end") <= pl.lit(end))

    def read(name: str) -> "polars.DataFrame":
        blob = store.get(name)
        if blob is None:
            return keep(nothing)
        try:
            rows = pl.read_parquet(BytesIO(blob.data), columns=list(columns)).select(columns).cast(nothing.schema)
        except pl.exceptions.PolarsError as error:
            raise InvalidInput(f"{name} in container windows does not hold windows: {error}") from error
        return keep(rows.filter(inside))

    with ThreadPoolExecutor(_TRANSFERS) as pool:
        frames = pool.map(read, [blob.name for blob in files(store, start, end)])
        return pl.concat([keep(nothing), *frames])


def _no_windows() -> "polars.DataFrame":
    import polars as pl

    kinds: list[pl.DataType] = [pl.String(), pl.String(), pl.Datetime("us", "UTC"), pl.Int64(), *[pl.Float64()] * 4]
    return pl.DataFrame(schema=dict(zip(COLUMNS, kinds, strict=True)))


def merged(rows: "polars.DataFrame", key: Sequence[str]) -> "polars.DataFrame":
    """One row per window, sorted: counts added, moments combined (Chan et al. 1983, pairwise update).

    `key` are the first columns, which name a window; of the others it takes those there are.
    """
    import polars as pl

    rows = rows.sort(*key, *(name for name in ("count", "mean", "std") if name in rows.columns))
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in key)
    if not rows.select(again.any()).item():
        return rows
    count, mean = pl.col("count"), pl.col("mean")
    whole = (mean * count).sum() / count.sum()
    variance = ((pl.col("std") ** 2 + (mean - whole) ** 2) * count).sum() / count.sum()
    combined = {
        "count": count.sum(),
        "mean": whole,
        "min": pl.col("min").min(),
        "max": pl.col("max").max(),
        "std": variance.sqrt(),
    }
    wanted = [combined[name].alias(name) for name in rows.columns if name in combined]
    return rows.group_by(key, maintain_order=True).agg(wanted)


def files(store: BlobStore, start: datetime, end: datetime) -> Iterator[BlobInfo]:
    """The files that may hold windows starting in [start, end), hour by hour."""
    for hour in _hours_between(start, end):
        listed = [(blob, begin) for blob in store.list(_folder(hour)) if (begin := file_start(blob.name))]
        for (blob, begin), following in zip_longest(listed, listed[1:]):
            # A partition's files do not overlap: one that is followed by another at or before `start` ends there.
            ended = following and following[1] <= start and _partition(blob) == _partition(following[0])
            if begin < end and not ended:
                yield blob


def _folder(hour: datetime) -> str:
    return f"{hour:date=%Y-%m-%d/hour=%H/}"


def _partition(blob: BlobInfo) -> str:
    """The partition whose windows a file holds; its own name where it does not say."""
    match = _NAME.fullmatch(blob.name)
    return match[3] if match and match[3] else blob.name


def _hours_between(start: datetime, end: datetime) -> Iterable[datetime]:
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield hour
        hour += _HOUR


def hours(store: BlobStore, start: datetime, end: datetime) -> list[datetime]:
    """The hours of [start, end) that have windows, each by its beginning."""
    return [hour for hour in _hours_between(start, end) if has_windows(store, hour, min(hour + _HOUR, end))]


def has_windows(store: BlobStore, start: datetime, end: datetime) -> bool:
    """Whether any file may hold windows of [start, end)."""
    return any(True for _ in files(store, start, end))


def first_window(store: BlobStore) -> datetime | None:
    """Start of the earliest file interval that has windows; None where there are none."""
    earliest: datetime | None = None
    hour = ""
    for blob in store.list("date="):
        start = file_start(blob.name)
        if start is None:
            continue
        if earliest is not None and blob.name[: len(hour)] != hour:
            break
        hour = _folder(start)
        earliest = start if earliest is None else min(earliest, start)
    return earliest
