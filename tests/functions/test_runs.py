"""The HTTP API of runs answers what it means, and every handler may run twice."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest

from functions import dependencies, runs, scoring
from shared.anomaly_detection.bundle import registry, write_bundle
from shared.anomaly_detection.one_class_svm import pack
from shared.app import make_driver
from shared.runs.driver import Message
from shared.runs.record import State
from shared.settings import Settings
from shared.storage import MemoryStorage
from tests.scoring_images.plant import model

ELSEWHERE = ["../aside/orig.mp4", "a/../../aside/orig.mp4", "./a.mp4", "a\\b.mp4", "", "a" * 1020 + ".mp4", "a\nb.mp4"]
HOUR = b'{"start": "2026-01-31T10:00:00Z", "end": "2026-01-31T11:00:00Z"}'
TEN = datetime(2026, 1, 31, 10, tzinfo=UTC)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[MemoryStorage]:
    """Handlers on an app in memory, with a current bundle."""
    storage, settings = MemoryStorage(), Settings(local_compute_dir=str(tmp_path))
    driver = make_driver(settings, storage)
    for module in (runs, scoring):
        monkeypatch.setattr(module, "storage", lambda: storage)
        monkeypatch.setattr(module, "driver", lambda: driver)
        monkeypatch.setattr(module, "settings", lambda: settings)
    bundles = storage.control("bundles")
    spec = {"per": "series", "mean_rows": 4}
    version = write_bundle(
        bundles, pack([model("a", "1")]), features=spec, parameters={}, metrics={}, data_span=(TEN, TEN)
    )
    registry(bundles).make_current(version)
    return storage


def call(handler: Any, body: bytes = b"", run_id: str = "", **params: str) -> tuple[int, Any]:
    request = func.HttpRequest("POST", "/api/runs", params=params, route_params={"id": run_id}, body=body)
    answer = handler(request)
    return answer.status_code, json.loads(answer.get_body())


def test_a_run_is_accepted_shown_and_listed(storage: MemoryStorage) -> None:
    status, run = call(runs.start_run, HOUR)
    assert (status, run["state"], run["history"]) == (202, "queued", [])
    assert call(runs.show_run, run_id=run["id"]) == (200, run)
    assert call(runs.list_runs) == (200, [run])


@pytest.mark.parametrize("video", ELSEWHERE, ids=lambda name: ascii(name)[:20])
def test_a_video_whose_name_leads_elsewhere_is_refused(storage: MemoryStorage, video: str) -> None:
    storage.data("videos").put("orig.mp4", b"film")
    status, problem = call(runs.start_run, json.dumps({"workload": "style", "video": video}).encode())
    assert (status, storage.queue("runs").messages) == (422, [])
    assert "cannot be a blob's name" in problem["detail"]
    assert problem["detail"].isprintable()


def test_the_same_request_twice_is_the_same_run(storage: MemoryStorage) -> None:
    first, again = call(runs.start_run, HOUR), call(runs.start_run, HOUR)
    assert first == again
    assert len(storage.queue("runs").messages) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"start": "yesterday", "end": "today"}',
        b'{"start": "2026-01-31T10:00:00", "end": "2026-01-31T11:00:00"}',
        b'{"start": "2026-01-31T11:00:00Z", "end": "2026-01-31T10:00:00Z"}',
        b'{"start": "2026-01-31T10:00:00Z", "end": "2026-01-31T11:00:00Z", "workload": "weather"}',
        b'{"start": "0001-01-01T00:00:00+23:59", "end": "2026-01-31T11:00:00Z"}',
        b'{"start": "2026-01-31T10:00:00.5Z", "end": "2026-01-31T11:00:00Z"}',
        b'{"start": 0, "end": 3600}',
        b'{"start": "2026-01-31T10:00:00Z", "end": "2026-01-31T11:00:00Z", "segments": 2}',
        b'{"workload": "style", "video": "a.mp4", "crf": 52}',
        b'{"workload": "style", "video": "a.mp4", "crf": 24.5}',
    ],
)
def test_a_request_that_makes_no_sense_is_422_with_a_hint(storage: MemoryStorage, body: bytes) -> None:
    status, problem = call(runs.start_run, body)
    assert status == 422
    assert problem["detail"]
    assert storage.queue("runs").messages == []


@pytest.mark.parametrize("body", [b"", b'{"x": ' + b"[" * 90_000, b"\xff"])
def test_what_is_no_json_is_400(storage: MemoryStorage, body: bytes) -> None:
    assert call(runs.start_run, body)[0] == 400


@pytest.mark.parametrize("handler", [runs.show_run, runs.cancel_run, runs.retry_run])
@pytest.mark.parametrize("run_id", ["nobody", "../bundles/anomaly", ""])
def test_a_run_that_does_not_exist_is_404(storage: MemoryStorage, handler: Any, run_id: str) -> None:
    assert call(handler, run_id=run_id)[0] == 404


def test_a_run_is_cancelled_once_and_then_retried(storage: MemoryStorage) -> None:
    _, run = call(runs.start_run, HOUR)
    assert call(runs.retry_run, run_id=run["id"])[0] == 409
    assert call(runs.cancel_run, run_id=run["id"])[0] == 202
    runs.move_run(func.QueueMessage(body=json.dumps({"run": run["id"], "step": 0}).encode()))
    shown = call(runs.show_run, run_id=run["id"])[1]
    assert shown["state"] == "cancelled"
    assert shown["history"] == [{"at": shown["updated"], "state": "cancelled"}]
    assert call(runs.cancel_run, run_id=run["id"])[0] == 409
    assert call(runs.retry_run, run_id=run["id"])[1]["state"] == "queued"


@pytest.mark.parametrize("limit", ["0", "-1", "201", "many", "1.5", "9" * 5_000])
def test_a_limit_outside_its_range_is_422(storage: MemoryStorage, limit: str) -> None:
    assert call(runs.list_runs, limit=limit)[0] == 422


def test_a_poison_message_fails_its_run_however_often_it_comes(storage: MemoryStorage) -> None:
    _, run = call(runs.start_run, HOUR)
    storage.control("bundles").blobs.clear()
    message = func.QueueMessage(body=json.dumps({"run": run["id"], "step": 0}).encode())
    for _ in range(2):
        runs.give_up_run(message)
    held = runs.driver().store.load(run["id"])[0]
    assert held.state is State.FAILED
    assert "has no manifest" in held.reason


def test_timers_may_tick_twice(storage: MemoryStorage) -> None:
    for _ in range(2):
        scoring.start_due_runs(func.TimerRequest())
        runs.sweep_runs(func.TimerRequest())
    assert storage.queue("runs").messages == []


def test_importing_and_asking_for_dependencies_contacts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for made in (dependencies.settings, dependencies.storage, dependencies.driver):
        made.cache_clear()
    monkeypatch.setenv("DataStorage", "UseDevelopmentStorage=true")
    monkeypatch.setenv("ControlStorage", "UseDevelopmentStorage=true")
    assert dependencies.driver().poll_seconds == 5
    assert Message("a", 1).step == 1
