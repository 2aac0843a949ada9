"""The quick reader of plain CSV: it reads what the general one reads, to the same bits, or nothing."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring_images.anomaly.csv_job import CsvReport, score_csv
from scoring_images.anomaly.plain_csv import APPEND, INDEX, SCAN, PlainReader
from shared.anomaly_detection.compiled import Routine, load
from shared.anomaly_detection.features import FeatureSpec
from shared.anomaly_detection.one_class_svm import SeriesModel, pack
from shared.errors import InvalidInput

NAMES = [("1", "1"), ("1", "2"), ("pümp 7", "°C"), ("a,b", "c"), ("", "1"), ('"', "1")]
HEADER = b"TS,Device,Tag,Value\n"


def model(device: str, sensor: str) -> SeriesModel:
    one = np.ones(1)
    return SeriesModel(device, (sensor,), np.zeros(1, np.bool_), one, one, one[:, None], one, 0.5, 0.1, 0.0)


MODELS = pack([model(*name) for name in NAMES])
READER = PlainReader.of(MODELS)


def score(data: bytes) -> tuple[bytes, CsvReport] | str:
    sink = BytesIO()
    try:
        report = score_csv(MODELS, FeatureSpec(), BytesIO(HEADER + data), sink)
    except InvalidInput as error:
        return str(error)
    return sink.getvalue(), report


def lines() -> st.SearchStrategy[bytes]:
    """Files that are nearly plain: some field of some line may be anything."""
    number = st.decimals(allow_nan=False, places=3, min_value=-1000, max_value=1000).map(str)
    odd = st.text(st.sampled_from('12.-+e,"\r\n °tüinfa'), max_size=6)
    name = st.sampled_from(["1,1", "1,2", "pümp 7,°C", '"a,b",c', ",1", "3,1"])
    line = st.tuples(st.just("t") | odd, name | odd, number | odd).map(",".join)
    return st.lists(line, max_size=6).map("\n".join).map(str.encode)


@settings(max_examples=150)
@given(lines(), st.binary(max_size=3), st.integers(0, 60))
@example(b"t,1,1,5.", b"", 0)
@example(b"t,1,1,.5", b"", 0)
@example(b"t,1,1,0\n\r,1,1,0\n", b"", 0)
@example(b"t,1,1,-", b"", 0)
@example(b"t,1,1,1\r\nt,1,2,2\r\n", b"", 0)
@example(b"t,1,1,1\n\nt,1,2,2\n\n", b"", 0)
@example(b",1,1,1", b"", 0)
@example(b"t,1,1", b"", 0)
@example(b"t,1", b"", 0)
@example(b"t,1,1,123456789012345678901234567890", b"", 0)
def test_both_readers_score_a_file_alike(data: bytes, noise: bytes, at: int) -> None:
    data = data[:at] + noise + data[at:]
    quick = score(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainReader, "read", lambda *_: None)
        assert score(data) == quick


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 14))
def test_numbers_of_up_to_15_digits_are_read_exactly(digits: int, places: int) -> None:
    text = f"{abs(digits):0{places + 1}d}"
    text = f"{'-' * (digits < 0)}{text[: len(text) - places]}{'.' * (places > 0)}{text[len(text) - places :]}"
    block = READER.read(f"t,1,1,{text}\n".encode())
    assert block is not None
    assert block.values[0] == float(text)


@pytest.mark.parametrize("line", ["t,1,2,0.5\n", "t,pümp 7,°C,-3\n", "2018-08-28 23:00:05.000,1,1,10"])
def test_plain_lines_are_read_the_quick_way(line: str) -> None:
    block = READER.read(line.encode())
    assert block is not None
    assert bytes(block.flagged(np.array([True]))).decode() == line.rstrip("\n") + ",1\n"


@pytest.mark.parametrize(
    "line", ['"t",1,1,0', "t,1,1,1e3", "t,1,1,", "t,1,1,0,0", "t,a,b,c,0", "t,9,9,0", "ü,1,1,0", ""]
)
def test_other_lines_are_left_to_the_general_reader(line: str) -> None:
    assert READER.read(f"t,1,1,0\n{line}\n".encode()) is None


def test_thousands_of_names_are_told_apart() -> None:
    names = [(str(n // 50), str(n % 50)) for n in range(5000)]
    reader = PlainReader.of(pack([model(*name) for name in names]))
    block = reader.read("".join(f"t,{device},{sensor},0\n" for device, sensor in reversed(names)).encode())
    assert block is not None
    assert block.series.tolist() == list(reversed(range(5000)))


@pytest.mark.parametrize("routine", [INDEX, SCAN, APPEND])
def test_compiled_code_calls_nothing_that_is_not_there(routine: Routine) -> None:
    load(routine)
    declared = [line for line in routine.kept().read_text().splitlines() if line.startswith("declare")]
    assert [line for line in declared if "@llvm." not in line] == []
