"""Anomaly runs: tasks are cut by work, and every span is scored once, whatever the timer does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.anomaly_detection.bundle import registry, write_bundle
from shared.anomaly_detection.one_class_svm import pack
from shared.anomaly_detection.workload import ANOMALY, Span, SpanRun, backfill_run, run_for, start_due_runs
from shared.app import make_driver
from shared.errors import BundleError, InvalidInput
from shared.readings.advance import Batch
from shared.readings.ingest import Ingestor
from shared.readings.timestamps import to_micros
from shared.runs.driver import Driver
from shared.runs.workload import Planner, as_text
from shared.settings import Settings
from shared.storage import MemoryQueue, MemoryStorage
from tests.scoring_images.plant import model

HOUR = timedelta(hours=1)
TEN = datetime(2026, 1, 31, 10, tzinfo=UTC)
SETTINGS = Settings()


class Plant:
    """An app in memory that readings come in to; the test moves its clock."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.time = TEN
        self.sequence = 0
        made = make_driver(SETTINGS, self.storage)
        self.driver = Driver(made.store, made.queue, made.workloads, made.computes, 5, lambda: self.time)

    def train(self, series: int = 3) -> str:
        bundles = self.storage.control("bundles")
        models = pack([model(f"device {n:03}", "1") for n in range(series)])
        version = write_bundle(
            bundles, models, features={"per": "series", "mean_rows": 4}, parameters={}, metrics={}, data_span=(TEN, TEN)
        )
        registry(bundles).make_current(version)
        return version

    def read(self, *times: datetime) -> None:
        """A reading of one sensor at each time, arriving then."""
        bodies = [f'{{"TS":"{t:%Y-%m-%dT%H:%M:%SZ}","Device":1,"Tag":1,"Value":1}}'.encode() for t in times]
        numbers = range(self.sequence, self.sequence + len(times))
        self.sequence += len(times)
        self.time = max(self.time, *times)
        ingestor = Ingestor.of(self.storage, SETTINGS)
        ingestor.ingest("0", Batch.of(list(numbers), [to_micros(t) for t in times], bodies))
        ingestor.flush(self.time)

    def tick(self) -> list[str]:
        return start_due_runs(self.driver, self.storage, SETTINGS)


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_an_hour_becomes_a_run_once_its_windows_are_complete(plant: Plant) -> None:
    plant.train()
    plant.read(TEN, TEN + HOUR)
    assert plant.tick() == []
    plant.read(TEN + HOUR + timedelta(minutes=2))
    assert plant.tick() == ["anomaly-20260131T100000Z-3600s"]


def test_a_doubled_tick_starts_nothing(plant: Plant) -> None:
    plant.train()
    plant.read(TEN, TEN + 2 * HOUR)
    assert len(plant.tick()) == 1
    assert plant.tick() == []


def test_missed_hours_are_caught_up_and_empty_ones_passed_over(plant: Plant) -> None:
    plant.train()
    plant.read(TEN, TEN + HOUR, TEN + 9 * HOUR, TEN + 10 * HOUR, TEN + 400 * 24 * HOUR)
    hours = [run_id.split("-")[1] for run_id in plant.tick()]
    assert hours == ["20260131T100000Z", "20260131T110000Z", "20260131T190000Z", "20260131T200000Z"]


def test_a_stream_that_fell_silent_is_scored_as_far_as_it_goes_and_then_goes_on_from_there(plant: Plant) -> None:
    plant.train()
    plant.read(TEN, TEN + timedelta(minutes=20))
    plant.time += timedelta(minutes=5)
    ingestor = Ingestor.of(plant.storage, SETTINGS)
    ingestor.flush(plant.time)
    ingestor.flush(plant.time + timedelta(minutes=5))
    assert plant.tick() == ["anomaly-20260131T100000Z-1260s"]
    plant.read(TEN + timedelta(minutes=30), TEN + 2 * HOUR)
    assert plant.tick() == ["anomaly-20260131T102100Z-2340s"]


def test_without_models_or_readings_nothing_starts_and_nothing_is_skipped(plant: Plant) -> None:
    assert plant.tick() == []
    plant.read(TEN, TEN + 2 * HOUR)
    assert plant.tick() == []
    plant.train()
    assert len(plant.tick()) == 1


class CutOff(MemoryQueue):
    """A queue whose process is killed before it can send."""

    def send(self, text: str, delay_seconds: float = 0) -> None:
        raise KeyboardInterrupt


def test_a_tick_cut_off_before_it_started_anything_is_made_up_for(plant: Plant) -> None:
    plant.train()
    plant.read(TEN, TEN + 2 * HOUR)
    with pytest.raises(KeyboardInterrupt):
        start_due_runs(replace(plant.driver, queue=CutOff()), plant.storage, SETTINGS)
    plant.storage.control("runs").delete("runs/anomaly-20260131T100000Z-3600s.json")
    assert plant.tick() == ["anomaly-20260131T100000Z-3600s"]


def test_short_spans_get_past_a_long_silence(plant: Plant) -> None:
    plant.train()
    plant.read(TEN + timedelta(minutes=55), TEN + timedelta(minutes=57))
    short = replace(SETTINGS, scoring_span_seconds=60)
    assert start_due_runs(plant.driver, plant.storage, short)[:1] == ["anomaly-20260131T105500Z-60s"]


@given(minutes=st.lists(st.integers(1, 200), min_size=1, max_size=8), ticks=st.sets(st.integers(0, 8)))
@settings(max_examples=20)
def test_spans_never_overlap_and_leave_no_window_out(minutes: list[int], ticks: set[int]) -> None:
    plant, time, spans = Plant(), TEN, []
    plant.train()
    for number, pause in enumerate(minutes):
        plant.read(time := time + timedelta(minutes=pause))
        spans += plant.tick() if number in ticks else []
    plant.read(time + 3 * HOUR)
    spans += plant.tick()
    held = sorted((_span(plant, run_id) for run_id in spans), key=lambda span: span.start)
    assert all(before.end <= after.start for before, after in pairwise(held))
    reading = TEN
    for pause in minutes:
        reading += timedelta(minutes=pause)
        assert any(span.start <= reading < span.end for span in held)


def _span(plant: Plant, run_id: str) -> Span:
    params = plant.driver.store.load(run_id)[0].params
    return Span(datetime.fromisoformat(params["start"]), datetime.fromisoformat(params["end"]))


@pytest.mark.parametrize(("work", "tasks"), [(10**12, 1), (1, 7), (720 * 307 * 3, 3)])
def test_tasks_are_cut_by_work_and_cover_each_series_once(plant: Plant, work: int, tasks: int) -> None:
    bundle = plant.train(7)
    planned = Planner(ANOMALY, plant.storage, Settings(task_work=work)).plan(
        "r", {"bundle": bundle, "start": TEN.isoformat(), "end": (TEN + HOUR).isoformat()}
    )
    *scores, merge = planned
    ranges = [
        tuple(int(task.command[task.command.index(name) + 1]) for name in ("--first", "--last")) for task in scores
    ]
    assert len(scores) == pytest.approx(tasks, abs=1)
    assert [number for first, last in ranges for number in range(first, last)] == list(range(7))
    assert merge.needs == tuple(task.id for task in scores)


def test_a_run_with_an_error_budget_can_do_without_scores_but_not_without_its_end(plant: Plant) -> None:
    params = {"bundle": plant.train(2), "start": TEN.isoformat(), "end": (TEN + HOUR).isoformat()}
    *scores, merge = Planner(ANOMALY, plant.storage, Settings(task_work=1, error_budget_percent=5)).plan("r", params)
    assert all(task.optional for task in scores)
    assert not merge.optional


def test_a_run_of_a_bundle_that_is_gone_cannot_be_planned(plant: Plant) -> None:
    with pytest.raises(BundleError):
        Planner(ANOMALY, plant.storage, SETTINGS).plan("r", as_text(SpanRun("gone", TEN, TEN + HOUR)))


def test_the_same_backfill_is_the_same_run_until_the_models_change(plant: Plant) -> None:
    plant.train(3)
    first, again = (backfill_run(plant.storage, TEN, TEN + HOUR, TEN) for _ in range(2))
    plant.train(4)
    other = backfill_run(plant.storage, TEN, TEN + HOUR, TEN)
    assert first.id == again.id != other.id


def test_an_empty_span_is_refused(plant: Plant) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        run_for(Span(TEN, TEN), "b", TEN)


def test_a_backfill_needs_zones_and_models(plant: Plant) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        backfill_run(plant.storage, TEN.replace(tzinfo=None), TEN, TEN)
    with pytest.raises(InvalidInput, match="train"):
        backfill_run(plant.storage, TEN, TEN + HOUR, TEN)
