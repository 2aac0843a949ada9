"""The dataset: files that other tools read, spans that hold exactly their windows, partitions that merge."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from math import sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shared.readings import dataset
from shared.readings.dataset import COLUMNS, first_window, has_windows, hours, read_windows
from shared.readings.window import Rows
from shared.storage import Blob, MemoryBlobs
from tests.readings.plain import START, WALL, Account, batch, body

HOUR = START.replace(minute=0, second=0)


def account_of(*partitions: list[bytes]) -> Account:
    account = Account()
    for number, bodies in enumerate(partitions):
        account.ingestor().ingest(str(number), batch(bodies, 0, WALL))
    account.close()
    return account


@pytest.fixture(scope="module")
def account() -> Account:
    """Two hours and a half from 20:59:30, a reading every 20 s in one partition and every 50 s in another."""
    return account_of(
        [body(s, s / 10, "a") for s in range(0, 9000, 20)], [body(s, 1.0, "b", 7) for s in range(0, 9000, 50)]
    )


def on_disk(store: MemoryBlobs, folder: Path) -> str:
    for name, (data, _) in store.blobs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return str(folder)


@pytest.mark.slow
def test_pandas_polars_and_duckdb_read_the_same(account: Account, tmp_path: Path) -> None:
    import duckdb
    import pandas as pd

    root = on_disk(account.windows, tmp_path)
    rows = account.rows()
    scanned = pl.scan_parquet(f"{root}/**/*.parquet", hive_partitioning=True).collect()
    assert scanned.select(COLUMNS).sort("device", "sensor", "window_end").equals(rows)
    assert scanned["date"].cast(pl.String).unique().sort().to_list() == ["2018-04-06"]
    frame = pd.read_parquet(root)
    assert (len(frame), frame["count"].sum()) == (len(rows), 630)
    assert str(frame["window_end"].dtype) == "datetime64[us, UTC]"
    query = f"SELECT count(*), sum(count) FROM read_parquet('{root}/*/*/*.parquet', hive_partitioning = true)"
    assert duckdb.sql(f"{query} WHERE hour = 21").fetchall() == [(252, 252)]


def test_rows_have_the_schema_of_the_contract(account: Account) -> None:
    kinds = [pl.String, pl.String, pl.Datetime("us", "UTC"), pl.Int64, *[pl.Float64] * 4]
    assert read_windows(MemoryBlobs(), HOUR, HOUR).schema == dict(zip(COLUMNS, kinds, strict=True))
    assert account.rows().schema == dict(zip(COLUMNS, kinds, strict=True))


def test_rows_are_sorted_by_device_sensor_and_time(account: Account) -> None:
    rows = account.rows()
    assert rows.equals(rows.sort("device", "sensor", "window_end"))


def test_a_span_holds_the_windows_that_start_in_it(account: Account) -> None:
    start, end = HOUR + timedelta(hours=1, seconds=10), HOUR + timedelta(hours=1, seconds=50)
    rows = read_windows(account.windows, start, end)
    begins = rows["window_end"] - timedelta(seconds=5)
    assert begins.min() == start
    assert begins.is_between(start, end, closed="left").all()
    whole = account.rows().filter(pl.col("window_end").is_between(start + timedelta(seconds=5), end))
    assert rows.equals(whole)


def test_spans_side_by_side_hold_every_window_once(account: Account) -> None:
    step = timedelta(minutes=7)
    parts = [read_windows(account.windows, HOUR + i * step, HOUR + (i + 1) * step) for i in range(40)]
    assert sum(map(len, parts)) == len(account.rows())


@dataclass
class Counting:
    """A store that remembers what was read and listed."""

    store: MemoryBlobs
    read: list[str]
    listed: list[str]

    def get(self, name: str) -> Blob | None:
        self.read.append(name)
        return self.store.get(name)

    def list(self, prefix: str = "") -> Iterator[object]:
        self.listed.append(prefix)
        return self.store.list(prefix)


def test_only_files_and_hours_of_the_span_are_touched(account: Account) -> None:
    store = Counting(account.windows, [], [])
    read_windows(store, HOUR + timedelta(hours=1, minutes=10), HOUR + timedelta(hours=1, minutes=12))  # type: ignore[arg-type]
    assert store.listed == ["date=2018-04-06/hour=21/"]
    assert {name.rpartition("-")[2] for name in store.read} == {"20180406T211000Z.parquet", "20180406T211100Z.parquet"}


def test_wanted_rows_can_be_chosen_file_by_file(account: Account) -> None:
    rows = read_windows(account.windows, HOUR, HOUR + timedelta(hours=4), keep=lambda rows: rows.filter(device="b"))
    assert rows.equals(account.rows().filter(device="b"))


def test_a_window_that_came_through_two_partitions_is_one_row() -> None:
    account = account_of([body(0, 1.0), body(1, 2.0)], [body(2, 6.0)])
    (row,) = account.rows().rows(named=True)
    mean = 3.0
    assert (row["count"], row["mean"], row["min"], row["max"]) == (3, mean, 1.0, 6.0)
    assert row["std"] == pytest.approx(sqrt(((1 - mean) ** 2 + (2 - mean) ** 2 + (6 - mean) ** 2) / 3))


def test_hours_and_the_first_window_are_found_by_name(account: Account) -> None:
    assert first_window(account.windows) == START.replace(second=0)
    day = timedelta(days=1)
    assert hours(account.windows, HOUR - day, HOUR + day) == [HOUR + timedelta(hours=n) for n in range(4)]
    assert has_windows(account.windows, HOUR, HOUR + timedelta(hours=1))
    assert not has_windows(account.windows, HOUR, HOUR + timedelta(minutes=59))
    assert not has_windows(account.windows, HOUR - day, HOUR)


def test_where_there_are_no_windows_nothing_is_first() -> None:
    assert first_window(MemoryBlobs()) is None


def test_the_first_window_is_the_earliest_of_all_partitions() -> None:
    account = account_of([body(300)], [body(130)])
    assert first_window(account.windows) == START + timedelta(seconds=90)


@pytest.mark.parametrize("name", ["notes.txt", "p0-20180406T000000Z.parquet.part", "p0-99999999T999999Z.parquet"])
def test_a_foreign_blob_between_the_files_is_not_read(name: str) -> None:
    account = account_of([body(0)])
    rows = account.rows()
    account.windows.put(f"date=2018-04-06/hour=20/{name}", b"hello")
    assert account.rows().equals(rows)


def test_files_of_another_writer_are_read_too(account: Account) -> None:
    store, file = MemoryBlobs(), BytesIO()
    rows = account.rows().filter(pl.col("window_end").dt.hour() == 21, pl.col("window_end").dt.minute() > 0)
    rows.with_columns(pl.col("window_end").dt.cast_time_unit("ms"), pl.col("count").cast(pl.Int32)).write_parquet(file)
    store.put("date=2018-04-06/hour=21/0_8a7c5d_1.parquet", file.getvalue())
    assert read_windows(store, HOUR, HOUR + timedelta(hours=2)).equals(rows)
    assert first_window(store) == HOUR + timedelta(hours=1)


def test_writing_the_same_rows_again_gives_the_same_bytes() -> None:
    grid = Account().ingestor().grid
    rng = np.random.default_rng(0)
    n = 5000
    key = (np.sort(rng.integers(3 * 10**8, 3 * 10**8 + 12, n)) << 24) | (np.arange(n) % 500)
    rows = Rows(key, np.ones(n, np.int64), *(rng.normal(size=n) for _ in range(5)))
    names = [(f"d{i % 7}", f"s{i}") for i in range(500)]
    stores = MemoryBlobs(), MemoryBlobs()
    counts = [dataset.write(store, "0", rows, names, grid) for store in stores]
    first, second = ({name: data for name, (data, _) in store.blobs.items()} for store in stores)
    assert counts == [len(first)] * 2
    assert first == second


def test_a_file_is_named_by_partition_and_start() -> None:
    name = "date=2018-04-06/hour=20/p12-20180406T205900Z.parquet"
    assert dataset.file_name("12", 1523048340000000) == name
    assert dataset.file_start(name) == datetime(2018, 4, 6, 20, 59, tzinfo=START.tzinfo)
    assert dataset.file_start("summary.json") is None
