"""CSV files of every known layout are read; what is wrong with others is said, in little memory."""

import os
import tracemalloc
from pathlib import Path

import pytest

from shared.errors import InvalidInput
from shared.readings.csv_files import Skipped, open_csv, read_merged, read_samples
from shared.readings.samples import Sample
from shared.readings.timestamps import parse_time

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "sensors"
needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"the test data is not at {DATA}")


def written(folder: Path, text: str | bytes, name: str = "pump.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path, skipped: Skipped | None = None, device: str = "", exclude: tuple[str, ...] = ()) -> list[Sample]:
    return list(read_samples(open_csv(path, device, exclude), skipped or Skipped()))


def at(text: str) -> int:
    time = parse_time(text)
    assert time is not None
    return time


@pytest.mark.parametrize(
    "header", ["TS,Device,Tag,Value", "ts,device,sensor,value", "TS;Device;Sensor;Value", "TS\tDevice\tTag\tValue"]
)
def test_the_reference_layouts_are_known(tmp_path: Path, header: str) -> None:
    separator = header[2]
    line = separator.join(["2018-08-28 23:00:05.000", "1", "4", "84.53"])
    assert read(written(tmp_path, f"{header}\n{line}\n")) == [Sample(at("2018-08-28 23:00:05"), "1", "4", 84.53)]


def test_other_columns_of_a_long_file_are_ignored(tmp_path: Path) -> None:
    path = written(tmp_path, 'TS,Quality,Device,Tag,Value\n2020-01-01 00:00:00,"a,b",1,4,2\n')
    assert read(path) == [Sample(at("2020-01-01 00:00:00"), "1", "4", 2.0)]


def test_a_wide_file_has_one_column_per_sensor(tmp_path: Path) -> None:
    path = written(tmp_path, "datetime;A;B flow;anomaly\n2020-03-09 10:14:33;1.5;32;0.0\n2020-03-09 10:14:34;;33;1.0\n")
    first, second = at("2020-03-09 10:14:33"), at("2020-03-09 10:14:34")
    skipped = Skipped()
    assert read(path, skipped, exclude=("anomaly",)) == [
        Sample(first, "pump", "A", 1.5),
        Sample(first, "pump", "B flow", 32.0),
        Sample(second, "pump", "B flow", 33.0),
    ]
    assert skipped.examples == ["pump.csv, line 3: no reading of device 'pump', sensor 'A': ''"]
    assert {sample.device for sample in read(path, device="valve1")} == {"valve1"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not begin with a header"),
        ("a,b,c\n1,2,3\n", "names a time column: 'a,b,c'"),
        ("2018-08-28 23:00:05,1,4,84.53\n", "names a time column"),
        ("TS,Device,Tag,Measured\n", "none called Value"),
        ("TS\n", "names a time column"),
        ("TS,,\n", "whose name is no sensor's"),
        ("TS,a,a\n", "two of the same name"),
        (b"TS,a\n\xff\xfe,1\n", "line 2 is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(written(tmp_path, text))


def test_a_column_to_exclude_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column 'label' to exclude"):
        open_csv(written(tmp_path, "TS,a\n"), exclude=["label"])


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        open_csv(tmp_path / "none.csv")


def test_bad_lines_are_counted_and_the_good_rest_is_read(tmp_path: Path) -> None:
    good = "2018-08-28 23:00:05.000,1,4,84.53"
    lines = [
        "TS,Device,Tag,Value",
        good,
        "no,1,4,1",
        "",
        good.replace("84.53", "NaN"),
        good.replace("1,4", ",4"),
        good,
        good[:25],
    ]
    skipped = Skipped()
    assert len(read(written(tmp_path, "\n".join(lines)), skipped)) == 2
    assert skipped.count == 4
    assert skipped.examples[-1] == "pump.csv, line 8: 2 fields in place of 4"


def test_ten_gigabytes_of_zeros_on_one_line_take_little_memory(tmp_path: Path) -> None:
    for start in (b"", b"TS,a\n"):
        path = written(tmp_path, start)
        os.truncate(path, 10 << 30)
        tracemalloc.start()
        with pytest.raises(InvalidInput, match=r"line \d is longer than 1 MiB"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
        tracemalloc.stop()


def test_files_are_merged_in_time_order(tmp_path: Path) -> None:
    files = [
        open_csv(written(tmp_path, f"TS,x\n2020-01-01 00:00:0{n},1\n2020-01-01 00:00:0{n + 2},2\n", f"{n}.csv"))
        for n in range(2)
    ]
    seen: list[int] = []
    samples = list(read_merged(files, Skipped(), seen.append))
    assert [sample.device for sample in samples] == ["0", "1", "0", "1"]
    assert sum(seen) == sum(file.path.stat().st_size for file in files)


@needs_data
def test_the_reference_file_is_read_whole() -> None:
    samples = read(DATA / "reference" / "sensor_data.csv")
    assert (len(samples), len({sample[1:3] for sample in samples})) == (17_768, 15)


@needs_data
def test_a_pump_file_is_read_whole() -> None:
    samples = read(DATA / "skab" / "valve1" / "0.csv", exclude=("anomaly", "changepoint"))
    assert len({sample.sensor for sample in samples}) == 8


@needs_data
def test_a_file_of_one_sensor_is_read_whole() -> None:
    samples = read(DATA / "nab" / "realKnownCause" / "nyc_taxi.csv")
    assert (len(samples), samples[0].device, samples[0].sensor) == (10_320, "nyc_taxi", "value")
