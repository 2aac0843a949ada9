"""Merging the parts of a run: counts, order, and what is refused."""

from functools import partial

import msgspec
import numpy as np
import pytest

from scoring_images.anomaly.job import Job
from scoring_images.anomaly.merge import PLOTTED, merge, plotted_series
from scoring_images.anomaly.summary import SeriesSummary, Summary
from shared.errors import InvalidInput, NotFound
from shared.price import Price
from shared.settings import Settings
from tests.scoring_images.plant import END, START, WINDOW, Plant, model

QUIET = [0.1, -0.1] * 60


def with_spikes(count: int, height: float = 9.0) -> list[float]:
    """A quiet series with some single windows far off."""
    values = QUIET.copy()
    for n in range(count):
        values[10 + 10 * n] = height
    return values


def scored(plant: Plant) -> Job:
    """Four series in two parts: one silent, one quiet, two with spikes."""
    plant.train([model("a", "x"), model("b", "x"), model("c", "x"), model("d", "x")])
    plant.send("a", "x", QUIET)
    plant.send("b", "x", with_spikes(2))
    plant.send("c", "x", with_spikes(5))
    plant.send("new", "x", QUIET)
    job = plant.job(2)
    plant.score(job, 0, 2, 4)
    return job


def test_counts_of_all_parts_are_added_up(plant: Plant) -> None:
    summary = merge(scored(plant), plant.containers)
    assert (summary.windows, summary.flagged, summary.series, summary.series_flagged) == (360, 7, 3, 2)
    assert (summary.series_silent, summary.parts, summary.without_model) == (1, 2, (("new", "x"),))


def test_series_with_most_flagged_windows_come_first(plant: Plant) -> None:
    summary = merge(scored(plant), plant.containers)
    assert [(each.device, each.flagged) for each in summary.worst] == [("c", 5), ("b", 2), ("a", 0)]
    worst = summary.worst[0]
    assert (worst.first, worst.last) == (START + 11 * WINDOW, START + 51 * WINDOW)


def test_of_equally_many_flagged_windows_the_deepest_comes_first(plant: Plant) -> None:
    plant.train([model("a", "x"), model("b", "x")])
    plant.send("a", "x", with_spikes(1, 5.0))
    plant.send("b", "x", with_spikes(1, 50.0))
    job = plant.job()
    plant.score(job, 0, 2)
    worst = merge(job, plant.containers).worst
    assert [each.device for each in worst] == ["b", "a"]
    assert worst[0].likeness == pytest.approx(0.0)
    assert 0 < worst[1].likeness < 1


def test_summary_and_report_are_written_under_fixed_names(plant: Plant) -> None:
    job = scored(plant)
    summary = merge(job, plant.containers)
    blob = plant.containers.predictions.get(f"{job.folder}/summary.json")
    assert blob is not None
    assert msgspec.json.decode(blob.data, type=Summary) == summary
    assert [info.name for info in plant.containers.reports.list()] == ["run-1.html"]


def test_what_an_attempt_with_more_parts_left_is_removed(plant: Plant) -> None:
    job = scored(plant)
    store = plant.containers.predictions
    for kind in ("parquet", "json"):
        store.put(job.part_name(2, kind), b"of an earlier attempt")
    merge(job, plant.containers)
    names = {info.name for info in store.list(f"{job.folder}/part-")}
    assert names == {job.part_name(number, kind) for number in range(2) for kind in ("parquet", "json")}


def test_seconds_are_summed_per_stage_and_name_the_slowest_part(plant: Plant) -> None:
    seconds = merge(scored(plant), plant.containers).seconds
    assert list(seconds) == ["load models", "read windows", "score", "write"]
    assert all(0 < stage.slowest <= stage.total for stage in seconds.values())


def test_the_report_says_what_scoring_cost_where_a_price_is_set(plant: Plant) -> None:
    job = scored(plant)
    assert merge(job, plant.containers).cost == ""
    settings = Settings(node_price="36 EUR", compute="azure_batch", batch_node_tasks=2)
    summary = merge(job, plant.containers, partial(settings.estimate, "anomaly"))
    seconds = sum(stage.total for stage in summary.seconds.values())
    assert summary.cost == Price(36, "EUR").estimate(seconds / 2)
    page = plant.containers.reports.get(f"{job.run}.html")
    assert page is not None
    assert f"Cost of scoring: {summary.cost}" in page.data.decode()


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_a_missing_part_is_an_error_that_names_it(plant: Plant, kind: str) -> None:
    job = scored(plant)
    plant.containers.predictions.delete(job.part_name(1, kind))
    with pytest.raises(NotFound, match=r"art.*1"):
        merge(job, plant.containers)
    assert list(plant.containers.reports.list()) == []


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_part_within_the_error_budget_is_reported_as_missing(plant: Plant, lost: int) -> None:
    plant.train([model(name, "x") for name in "abc"])
    for name in "abc":
        plant.send(name, "x", QUIET)
    job = plant.job(3)
    plant.score(job, 0, 1, 2, 3)
    plant.containers.predictions.delete(job.part_name(lost, "json"))
    with pytest.raises(NotFound, match=f"Part {lost}"):
        merge(job, plant.containers, budget_percent=33)
    summary = merge(job, plant.containers, budget_percent=34)
    counts = (summary.parts, summary.parts_missing, summary.series, summary.series_missing, summary.series_silent)
    assert counts == (3, 1, 2, 1, 0)
    assert b"1 series were not scored: 1 of 3 tasks failed." in plant.report(job)


def test_a_run_without_any_part_is_no_run_whatever_the_budget(plant: Plant) -> None:
    plant.train([model("a", "x")])
    with pytest.raises(NotFound):
        merge(plant.job(1), plant.containers, budget_percent=100)


def test_parts_of_another_bundle_are_refused(plant: Plant) -> None:
    scored(plant)
    other = Plant(plant.containers)
    other.train([model("a", "x"), model("b", "x")])
    with pytest.raises(InvalidInput, match="another"):
        merge(other.job(2), plant.containers)


def test_parts_that_leave_series_out_are_refused(plant: Plant) -> None:
    plant.train([model("a", "x"), model("b", "x"), model("c", "x")])
    job = plant.job(2)
    plant.score(job, 0, 1, 2)
    with pytest.raises(InvalidInput, match="series 2 of 3"):
        merge(job, plant.containers)


def test_a_span_without_windows_gives_a_report_that_says_so(plant: Plant) -> None:
    plant.train([model("a", "x")])
    job = plant.job()
    plant.score(job, 0, 1)
    summary = merge(job, plant.containers)
    assert (summary.windows, summary.series, summary.series_silent) == (0, 0, 1)
    assert b"Nothing was scored" in plant.report(job)
    assert b"no readings in this span" in plant.report(job)


def test_a_run_where_no_series_has_a_model_says_so(plant: Plant) -> None:
    plant.train([model("a", "x")])
    plant.send("new", "x", QUIET)
    job = plant.job()
    plant.score(job, 0, 1)
    merge(job, plant.containers)
    assert b"None of the 1 series with readings" in plant.report(job)


def test_a_run_without_anomalies_shows_what_came_closest(plant: Plant) -> None:
    plant.train([model(f"d{n}", "x") for n in range(9)])
    for n in range(9):
        plant.send(f"d{n}", "x", (np.array(QUIET) * (n + 1)).tolist())
    job = plant.job()
    plant.score(job, 0, 9)
    summary = merge(job, plant.containers)
    assert summary.flagged == 0
    assert [each.device for each in summary.worst[:3]] == ["d8", "d7", "d6"]
    assert b"No anomalies" in plant.report(job)
    assert plant.report(job).count(b"<figcaption") == 6


def test_only_the_worst_flagged_series_are_plotted() -> None:
    many = [SeriesSummary(f"d{n}", "x", 10, max(0, 60 - n), 0.5) for n in range(100)]
    assert len(plotted_series(many)) == PLOTTED
    assert len(plotted_series(many[50:])) == 10


def test_a_device_model_gets_one_panel_per_sensor(plant: Plant) -> None:
    plant.train([model("a", "x", "y", "z")], per="device")
    for sensor in "xyz":
        plant.send("a", sensor, with_spikes(3))
    job = plant.job()
    plant.score(job, 0, 1)
    merge(job, plant.containers)
    assert plant.report(job).count(b'class="plot small"') == 3


def test_merging_again_gives_the_same_report(plant: Plant) -> None:
    job = scored(plant)
    merge(job, plant.containers)
    first = plant.report(job)
    merge(job, plant.containers)
    assert plant.report(job) == first


def test_a_span_over_midnight_is_merged_like_any_other(plant: Plant) -> None:
    late = START.replace(hour=23, minute=55)
    plant.train([model("a", "x")])
    plant.send("a", "x", with_spikes(3), late)
    job = Job("run-9", plant.version, late, late + (END - START), 1)
    plant.score(job, 0, 1)
    assert merge(job, plant.containers).flagged == 3
