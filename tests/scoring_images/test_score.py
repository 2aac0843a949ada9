"""Scoring a part: which windows are scored, with what history, and what is written about them."""

import csv
from datetime import timedelta
from io import BytesIO

import msgspec
import numpy as np
import polars as pl
import pytest

from scoring_images.anomaly.job import Job, Part, PartSummary
from scoring_images.anomaly.merge import merge
from scoring_images.anomaly.score import score
from shared.errors import BundleError, InvalidInput
from tests.scoring_images.plant import END, FILE_SECONDS, START, WINDOW, Plant, model

QUIET = [0.1, -0.1] * 60
SPIKE = [*QUIET[:50], 9.0, *QUIET[51:]]


def test_a_spike_is_flagged_and_nothing_else(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", SPIKE)
    job = plant.job()
    (summary,) = plant.score(job, 0, 1)
    rows = plant.predictions(job)
    assert (summary.windows, summary.flagged, summary.series, summary.skipped) == (120, 1, 1, 0)
    assert rows.filter(pl.col("prediction") == 1)["window_end"].to_list() == [START + 51 * WINDOW]
    assert rows["value"].to_list() == SPIKE
    assert ((rows["score"] < 0) == (rows["prediction"] == 1)).all()


def test_rows_are_sorted_by_series_and_time(plant: Plant) -> None:
    plant.train([model("a", "x"), model("a", "y"), model("b", "x")])
    for device, sensor in (("b", "x"), ("a", "y"), ("a", "x")):
        plant.send(device, sensor, QUIET)
    job = plant.job()
    plant.score(job, 0, 3)
    rows = plant.predictions(job)
    assert rows.equals(rows.sort("device", "sensor", "window_end"))
    assert rows.schema["prediction"] == pl.Int8
    assert rows.schema["window_end"] == pl.Datetime("us", "UTC")


def test_parts_together_give_what_one_part_gives(plant: Plant) -> None:
    plant.train([model(f"d{n}", "x") for n in range(5)])
    for n in range(5):
        plant.send(f"d{n}", "x", np.random.default_rng(n).normal(0, 2, 120).tolist())
    whole, parts = plant.job(), Job("run-2", plant.version, START, END, 3)
    plant.score(whole, 0, 5)
    plant.score(parts, 0, 2, 2, 5)
    assert pl.concat([plant.predictions(parts, n) for n in range(3)]).equals(plant.predictions(whole))


def test_the_same_task_again_writes_the_same_bytes(plant: Plant) -> None:
    plant.train([model("pump", "flow"), model("pump", "heat")])
    plant.send("pump", "flow", SPIKE)
    job = plant.job(csv=True)
    names = [job.part_name(0, kind) for kind in ("parquet", "csv")]
    contents = []
    for _ in range(2):
        plant.score(job, 0, 2)
        contents.append([blob.data for name in names if (blob := plant.containers.predictions.get(name))])
    assert len(contents[0]) == 2
    assert contents[0] == contents[1]


def test_rows_before_the_span_give_history_but_are_not_scored(plant: Plant) -> None:
    values = np.random.default_rng(1).normal(0, 2, 240).tolist()
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", values, START - 120 * WINDOW)
    early, late = (
        Job(f"run-{n}", plant.version, START + at, END, 1) for n, at in ((1, -120 * WINDOW), (2, 0 * WINDOW))
    )
    for job in (early, late):
        plant.score(job, 0, 1)
    assert plant.predictions(late).equals(plant.predictions(early)[120:])


def test_a_series_that_went_silent_before_the_span_is_not_scored(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", QUIET[:12], START - timedelta(minutes=1))
    (summary,) = plant.score(plant.job(), 0, 1)
    assert (summary.series, summary.windows) == (0, 0)


def test_windows_without_a_finite_value_are_skipped_and_counted(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", [0.0, float("nan"), 0.1, float("inf"), 0.2])
    (summary,) = plant.score(plant.job(), 0, 1)
    assert (summary.windows, summary.skipped) == (3, 2)


def test_only_part_0_names_series_without_a_model(plant: Plant) -> None:
    plant.train([model("a", "x"), model("b", "x")])
    for device, sensor in (("a", "x"), ("b", "x"), ("new", "x"), ("a", "new")):
        plant.send(device, sensor, QUIET)
    first, second = plant.score(plant.job(2), 0, 1, 2)
    assert first.without_model == [("a", "new"), ("new", "x")]
    assert second.without_model == []


def test_a_window_from_two_partitions_is_scored_once(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", QUIET, partition="0")
    plant.send("pump", "flow", [value + 1 for value in QUIET], partition="1")
    job = plant.job()
    plant.score(job, 0, 1)
    assert plant.predictions(job)["value"].to_list() == pytest.approx([value + 0.5 for value in QUIET])


def test_a_device_model_joins_its_sensors_and_skips_incomplete_windows(plant: Plant) -> None:
    plant.train([model("a", "x", "y"), model("b", "x", "y", "z")], per="device")
    plant.send("a", "x", SPIKE)
    plant.send("a", "y", QUIET[:100])
    for sensor in "xyz":
        plant.send("b", sensor, QUIET)
    job = plant.job()
    (summary,) = plant.score(job, 0, 2)
    rows = plant.predictions(job)
    assert rows.group_by("device", maintain_order=True).len().rows() == [("a", 100), ("b", 120)]
    assert rows.filter(pl.col("prediction") == 1).select("device", "window_end").rows() == [("a", START + 51 * WINDOW)]
    assert rows["sensor"].unique().to_list() == [""]
    assert rows["value"].is_nan().all()
    assert summary.skipped == 20


def test_a_device_with_a_single_sensor_is_still_a_device(plant: Plant) -> None:
    plant.train([model("a", "x"), model("b", "x", "y")], per="device")
    for device, sensor in (("a", "x"), ("b", "x"), ("b", "y")):
        plant.send(device, sensor, QUIET)
    job = plant.job()
    plant.score(job, 0, 2)
    rows = plant.predictions(job)
    assert rows.group_by("device", "sensor", maintain_order=True).len().rows() == [("a", "", 120), ("b", "", 120)]
    assert rows["value"].is_nan().all()
    assert merge(job, plant.containers).kind == "devices"


def test_the_csv_has_the_reference_layout(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", [0.5, 9.0])
    job = plant.job(csv=True)
    plant.score(job, 0, 1)
    blob = plant.containers.predictions.get(job.part_name(0, "csv"))
    assert blob is not None
    assert blob.data.decode().splitlines() == [
        "TS,Device,Tag,Val,Prediction",
        "2026-11-20 22:00:05.000,pump,flow,0.5,0",
        "2026-11-20 22:00:10.000,pump,flow,9.0,1",
    ]


def test_names_come_out_of_the_csv_as_they_went_in(plant: Plant) -> None:
    names = sorted(['=1+1"', "a,b", "../..", "' lead", "'", '"', "\N{SNOWMAN}\u202e", "<b>", "null", "x" * 128])
    plant.train([model(name, name) for name in names])
    for name in names:
        plant.send(name, name, [9.0])
    job = plant.job(csv=True)
    plant.score(job, 0, len(names))
    blob = plant.containers.predictions.get(job.part_name(0, "csv"))
    assert blob is not None
    rows = list(csv.reader(blob.data.decode().splitlines()))[1:]
    assert [row[1:] for row in rows] == [[name, name, "9.0", "1"] for name in names]


def test_a_span_without_windows_gives_an_empty_part(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    job = plant.job()
    (summary,) = plant.score(job, 0, 1)
    assert (summary.windows, summary.series, len(plant.predictions(job))) == (0, 0, 0)


def test_the_summary_is_written_after_the_rows_and_says_what_was_done(
    plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", QUIET)
    job = plant.job()
    (summary,) = plant.score(job, 0, 1)
    blob = plant.containers.predictions.get(job.part_name(0, "json"))
    assert blob is not None
    assert msgspec.json.decode(blob.data, type=PartSummary) == summary
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["load models", "read windows", "score", "write"]
    assert all(": Time taken in seconds: " in line for line in lines)


def test_a_file_that_holds_no_windows_is_an_error_that_names_it(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", QUIET)
    name = next(plant.containers.windows.list()).name
    plant.containers.windows.put(name, b"PAR1 and so on")
    with pytest.raises(InvalidInput, match=name):
        plant.score(plant.job(), 0, 1)


@pytest.mark.parametrize(
    "kinds",
    [
        {"window_end": pl.Datetime("ms", "UTC"), "count": pl.Int32},
        {"window_end": pl.Datetime("ns", "UTC"), "mean": pl.Float32},
        {"window_end": pl.Datetime("us"), "device": pl.Categorical},
    ],
)
def test_files_of_another_writer_are_scored_too(plant: Plant, kinds: dict[str, pl.DataType]) -> None:
    plant.train([model("pump", "flow")])
    plant.send("pump", "flow", [1.0, -1.0] * 60)
    for info in list(plant.containers.windows.list())[::2]:
        held, file = plant.containers.windows.get(info.name), BytesIO()
        assert held is not None
        pl.read_parquet(BytesIO(held.data)).reverse().cast(kinds).write_parquet(file)  # type: ignore[arg-type]
        plant.containers.windows.put(info.name, file.getvalue())
    plant.score(plant.job(), 0, 1)
    assert plant.predictions(plant.job())["value"].to_list() == [1.0, -1.0] * 60


def test_a_bundle_that_does_not_exist_is_an_error(plant: Plant) -> None:
    job = Job("run-1", "no-such-version", START, END, 1)
    with pytest.raises(BundleError):
        score(job, Part(0, 0, 1), plant.containers, FILE_SECONDS)


def test_series_that_the_bundle_does_not_have_are_an_error(plant: Plant) -> None:
    plant.train([model("pump", "flow")])
    with pytest.raises(InvalidInput, match="the bundle has 1"):
        score(plant.job(), Part(0, 0, 2), plant.containers, FILE_SECONDS)


@pytest.mark.parametrize("run", ["", "../escape", "a/b", "x" * 129, "a b"])
def test_a_run_id_that_cannot_be_a_blob_name_is_refused(run: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the id"):
        Job(run, "v", START, END, 1)
