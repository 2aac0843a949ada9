import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devhost.data import Event, Partition, QueueMessage, events_call, queue_call, timer_call
from devhost.function import FunctionInfo
from devhost.worker import Worker, index
from shared.errors import InvalidInput, SettingsError
from tests.devhost.witness import seen

pytestmark = pytest.mark.anyio

APP = Path(__file__).parent / "app"
SETTINGS = {
    "OUT_QUEUE": "out",
    "IN_QUEUE": "in",
    "TICK_SCHEDULE": "0 * * * * *",
    "EVENT_HUB_NAME": "readings",
    "EVENT_HUB_CONSUMER_GROUP": "$Default",
}


def by_name(functions: list[FunctionInfo]) -> dict[str, FunctionInfo]:
    return {function.name: function for function in functions}


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(APP)
    yield worker
    worker.close()


def test_the_worker_reports_triggers_routes_schedules_queues_and_hubs() -> None:
    found = by_name(index(APP))
    assert (found["item"].route, found["item"].methods) == ("items/{id:int}", ("GET", "POST"))
    assert (found["secret"].auth_level, found["master"].auth_level) == ("function", "admin")
    assert found["tick"].expanded(SETTINGS).schedule == "0 * * * * *"
    assert (found["take"].expanded(SETTINGS).queue, found["take"].connection) == ("in", "ControlStorage")
    events = found["events_in"].expanded(SETTINGS)
    assert (events.event_hub, events.consumer_group, events.many, events.binary) == (
        "readings",
        "$Default",
        True,
        True,
    )
    assert [output.type for output in found["send"].outputs] == ["queue", "queue", "http"]


def test_an_app_can_be_indexed_again_and_again() -> None:
    assert index(APP) == index(APP)


def test_a_binding_that_names_an_absent_setting_says_which() -> None:
    with pytest.raises(SettingsError, match="no setting IN_QUEUE"):
        by_name(index(APP))["take"].expanded({})


def test_an_app_that_the_worker_refuses_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.queue_trigger(arg_name='m', queue_name='q', connection='c')\n"
        "def f(other: func.QueueMessage) -> None: ...\n"
    )
    with pytest.raises(InvalidInput, match="cannot load the f function"):
        index(tmp_path)


async def test_a_queue_message_arrives_with_its_metadata(worker: Worker) -> None:
    call = queue_call("message", QueueMessage("hello", "id-1", 3, "receipt", datetime(2025, 1, 2, tzinfo=UTC)))
    outcome = await worker.invoke(by_name(worker.functions)["take"], call)
    assert outcome.ok, outcome.traceback
    assert await seen("take") == ("hello", 3, "id-1")


async def test_a_past_due_timer_knows_it(worker: Worker) -> None:
    outcome = await worker.invoke(by_name(worker.functions)["tick"], timer_call("timer", past_due=True))
    assert outcome.ok, outcome.traceback
    assert await seen("tick") is True


async def test_a_batch_of_events_arrives_with_partition_and_sequence_numbers(worker: Worker) -> None:
    now = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    batch = [Event(b"a", 7, "70", now, "dev", {"x": 1}), Event(b"", 8, "80", now)]
    call = events_call("events", batch, Partition("ns", "readings", "$Default", "3"), binary=True)
    outcome = await worker.invoke(by_name(worker.functions)["events_in"], call)
    assert outcome.ok, outcome.traceback
    bodies, sequences, metadata, retry = await seen("events_in")
    assert (bodies, sequences, retry) == ([b"a", b""], [7, 8], 0)
    assert metadata["PartitionContext"]["PartitionId"] == "3"
    assert metadata["PropertiesArray"] == [{"x": 1}, {}]


async def test_what_a_function_raises_is_in_the_outcome(worker: Worker) -> None:
    from devhost.data import Request, http_call

    call = http_call("req", Request("GET", "http://x/", {}, {}, {}, b""))
    outcome = await worker.invoke(by_name(worker.functions)["broken"], call)
    assert not outcome.ok
    assert "broken on purpose" in outcome.error
    assert "Traceback" in outcome.traceback


def test_a_function_that_never_ends_does_not_keep_the_host() -> None:
    code = (
        "import threading\nfrom concurrent.futures import ThreadPoolExecutor\nfrom devhost.worker import leave\n"
        "ThreadPoolExecutor().submit(threading.Event().wait)\nleave(0, 0.1)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=APP.parents[2], timeout=30, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(("busy", "warned"), [("int", False), ("threading.Event().wait", True)])
def test_only_a_function_at_work_is_said_to_be_broken_off(busy: str, warned: bool) -> None:
    code = (
        "import threading, time\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from azure_functions_runtime.utils.threadpool import get_threadpool_executor, start_threadpool_executor\n"
        "from devhost.worker import leave\n"
        "idle = ThreadPoolExecutor(1)\nidle.submit(int).result()\n"
        f"start_threadpool_executor()\npool = get_threadpool_executor()\npool.submit({busy})\ntime.sleep(0.1)\n"
        "pool.shutdown(wait=False)\nleave(0, 0.2)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=APP.parents[2], timeout=30, capture_output=True, text=True)
    assert done.returncode == 0
    assert ("still running" in done.stderr) is warned
