"""The CSV job: every line that can be scored comes back with the prediction that scikit-learn would have given."""

import csv
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring_images.anomaly import csv_job
from scoring_images.anomaly.csv_job import CsvReport, score_csv, score_file
from shared.anomaly_detection.bundle import registry, write_bundle
from shared.anomaly_detection.features import FeatureSpec, Per
from shared.anomaly_detection.one_class_svm import PackedModels, SeriesModel, pack
from shared.errors import InvalidInput
from shared.storage import MemoryBlobs

HEADER = "TS,Device,Sensor,Value\n"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
OUT = "TS,Device,Tag,Val,Prediction\n"


def near_zero(device: str, sensor: str, wandering: bool = False) -> SeriesModel:
    """Flags a row whose value and mean are together more than about 3.5 away from 0."""
    return SeriesModel(
        device=device,
        sensors=(sensor,),
        wandering=np.array([wandering]),
        mean=np.zeros(2),
        scale=np.ones(2),
        vectors=np.zeros((1, 2)),
        weights=np.ones(1),
        rho=0.5,
        gamma=0.1,
        threshold=-0.2,
    )


MODELS = pack([near_zero("1", "1"), near_zero("1", "2", wandering=True), near_zero("10", "1"), near_zero("2", "1")])


def score(text: str | bytes, models: PackedModels = MODELS, mean_rows: int = 4) -> tuple[str, CsvReport]:
    sink = BytesIO()
    data = text.encode() if isinstance(text, str) else text
    report = score_csv(models, FeatureSpec(mean_rows=mean_rows), BytesIO(data), sink)
    return sink.getvalue().decode(), report


def expected(lines: list[tuple[str, str, float]]) -> list[int]:
    """Predictions by the definition, one row at a time."""
    past: dict[tuple[str, str], list[float]] = {}
    predictions = []
    for device, sensor, value in lines:
        rows = past.setdefault((device, sensor), [])
        rows.append(value)
        mean = sum(rows[-4:]) / len(rows[-4:])
        x = np.array([value - mean, 0.0]) if (device, sensor) == ("1", "2") else np.array([value, mean])
        predictions.append(int(np.exp(-0.1 * (x @ x)) - 0.5 < -0.2))
    return predictions


def test_a_line_comes_back_as_it_was_with_its_prediction() -> None:
    out, report = score(HEADER + "2018-08-28 23:00:05.000,1,1,0.50\n2018-08-28T23:00:05.1234567Z,2,1,-9e0\n")
    assert out == OUT + "2018-08-28 23:00:05.000,1,1,0.50,0\n2018-08-28T23:00:05.1234567Z,2,1,-9e0,1\n"
    assert (report.scored, report.flagged, report.rejected, report.without_model) == (2, 1, 0, {})


@given(
    st.lists(
        st.tuples(
            st.sampled_from([("1", "1"), ("1", "2"), ("10", "1"), ("2", "1")]),
            st.floats(-9, 9).map(lambda v: round(v, 2)),
        ),
        max_size=60,
    ),
    st.integers(40, 400),
)
def test_predictions_follow_the_definition_however_the_file_is_read(
    rows: list[tuple[tuple[str, str], float]], block: int
) -> None:
    lines = [(device, sensor, value) for (device, sensor), value in rows]
    text = HEADER + "".join(f"t{n},{d},{s},{v}\n" for n, (d, s, v) in enumerate(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_job, "BLOCK_BYTES", block)
        out, _ = score(text)
    assert [int(row["Prediction"]) for row in csv.DictReader(StringIO(out))] == expected(lines)


@pytest.mark.parametrize("header", ["TS,Device,Tag,Value", "ts,device,sensor,value", "\ufeffTS,Device,Tag,Value\r"])
def test_both_names_of_a_sensor_and_any_case_are_known(header: str) -> None:
    assert score(f"{header}\nt,1,1,0\n")[1].scored == 1


def test_columns_may_stand_in_any_order_and_others_are_ignored() -> None:
    out, _ = score("Value,Unit,Tag,TS,Device\n9,C,1,t,2\n")
    assert out == OUT + "t,2,1,9,1\n"


def test_names_with_commas_and_quotes_stay_quoted() -> None:
    models = pack([near_zero('a "b", c', "1")])
    out, _ = score(HEADER + 't,"a ""b"", c",1,0\n', models)
    assert out == OUT + 't,"a ""b"", c",1,0,0\n'


def test_a_quote_that_nothing_closes_costs_only_its_line() -> None:
    out, report = score(HEADER + 't,1,1,0\nt,"1,1,0\nt,2,1,0\n')
    assert out == OUT + "t,1,1,0,0\nt,2,1,0,0\n"
    assert report.without_model == {('"1', "1"): 1}


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n"])
def test_line_ends_of_every_kind_and_spaces_around_numbers_are_fine(end: str) -> None:
    assert score(f"{HEADER}t,1,1, 9{end}t,2,1,9{end}")[1].flagged == 2


def test_series_without_a_model_are_named_and_counted() -> None:
    out, report = score(HEADER + "t,1,1,0\nt,3,1,0\nt,1,9,0\nu,3,1,0\n")
    assert out == OUT + "t,1,1,0,0\n"
    assert report.without_model == {("1", "9"): 1, ("3", "1"): 2}


@pytest.mark.parametrize("line", ["t,1,1,", "t,1,1,nan", "t,1,1,inf", "t,1,1,abc", "t,1", "t", ",,,", "0" * 500])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_is_no_reading_is_counted_and_the_rest_scored(line: str, place: int) -> None:
    lines = ["t,1,1,0", "t,2,1,0"]
    lines.insert(place, line)
    out, report = score(HEADER + "\n".join(lines) + "\n")
    assert out == OUT + "t,1,1,0,0\nt,2,1,0,0\n"
    assert (report.scored, report.rejected) == (2, 1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_fields_after_the_last_column_are_ignored(place: int) -> None:
    lines = ["t,1,1,0", "t,2,1,0"]
    lines.insert(place, "t,10,1,0,more,and,more")
    out, report = score(HEADER + "\n".join(lines) + "\n")
    assert "t,10,1,0,0\n" in out
    assert report.scored == 3


def test_half_a_last_line_is_counted() -> None:
    assert score(f"{HEADER}t,1,1,0\nt,1,")[1].rejected == 1


def test_bytes_that_are_no_text_are_no_reading() -> None:
    assert score(HEADER.encode() + b"t,\xff\xfe,1,0\nt,1,1,0\n")[1].scored == 1


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "TS,Device,Value\n", "TS,Device,Tag,Sensor,Value\n", "\x00\x00"])
def test_another_header_is_refused_with_the_right_one(text: str) -> None:
    with pytest.raises(InvalidInput, match="TS,Device,Tag,Value"):
        score(text)


def test_a_file_of_one_endless_line_is_refused_before_it_is_read() -> None:
    class Zeros(BytesIO):
        read_bytes = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size
            self.read_bytes += size
            return b"0" * size

    zeros = Zeros()
    with pytest.raises(InvalidInput, match="longer than"):
        score_csv(MODELS, FeatureSpec(), zeros, BytesIO())
    assert zeros.read_bytes <= csv_job.BLOCK_BYTES


def test_a_file_with_nothing_but_its_header_gives_a_header() -> None:
    assert score(HEADER)[0] == OUT


def test_a_bundle_without_models_scores_nothing() -> None:
    assert score(HEADER + "t,1,1,0\n", pack([]))[1].without_model == {("1", "1"): 1}


def test_models_of_whole_devices_are_refused() -> None:
    with pytest.raises(InvalidInput, match="one model per series"):
        score_csv(MODELS, FeatureSpec(per=Per.DEVICE), BytesIO(HEADER.encode()), BytesIO())


def bundles_with(models: PackedModels) -> MemoryBlobs:
    store = MemoryBlobs()
    version = write_bundle(
        store, models, features=FeatureSpec().to_dict(), parameters={}, metrics={}, data_span=(NOON, NOON)
    )
    registry(store).make_current(version)
    return store


def test_a_file_is_scored_with_the_current_bundle_and_appears_whole(tmp_path: Path) -> None:
    source, sink = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"{HEADER}t,1,1,1\nt,1,nobody,1\nt,1,1,what\n")
    said = score_file(bundles_with(MODELS), None, source, sink)
    assert "1 lines scored" in said
    assert "1 of series without a model and 1 that are no readings" in said
    assert sink.read_text().splitlines()[0] == "TS,Device,Tag,Val,Prediction"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_file_that_cannot_be_scored_leaves_nothing_behind(tmp_path: Path) -> None:
    source, sink = tmp_path / "in.csv", tmp_path / "out.csv"
    with pytest.raises(InvalidInput, match=r"in\.csv"):
        score_file(bundles_with(MODELS), None, source, sink)
    source.write_text("nonsense\n")
    with pytest.raises(InvalidInput, match="header"):
        score_file(bundles_with(MODELS), None, source, sink)
    with pytest.raises(InvalidInput, match="no bundle"):
        score_file(MemoryBlobs(), None, source, sink)
    assert not sink.exists()
