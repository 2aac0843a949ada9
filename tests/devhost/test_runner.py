"""Running and retrying functions, with a worker made of outcomes."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from devhost.function import Binding, FunctionInfo, Retry
from devhost.outputs import texts
from devhost.pace import growing, keep_listening
from devhost.runner import Runner, run_with_retries
from devhost.worker import Call, Outcome
from shared.errors import SettingsError

pytestmark = pytest.mark.anyio

TRIGGER = Binding("message", "queueTrigger", "in", {})
OUT = Binding("out", "queue", "out", {"queueName": "next", "connection": "ControlStorage"})
CALL = Call([], {})
AT_ONCE = timedelta(0)


@dataclass
class Datum:
    value: Any
    type: str


@dataclass
class Scripted:
    """A worker whose outcomes are written down; `sent` is what the outputs sent."""

    outcomes: list[Outcome]
    calls: list[Call] = field(default_factory=list)
    sent: list[tuple[str, str, list[str]]] = field(default_factory=list)
    broken: bool = False

    async def invoke(self, function: FunctionInfo, call: Call) -> Outcome:
        self.calls.append(call)
        return self.outcomes.pop(0)

    async def send(self, connection: str, queue: str, texts: list[str]) -> None:
        if self.broken:
            raise OSError("no storage")
        self.sent.append((connection, queue, texts))


def ok(**values: Any) -> Outcome:
    return Outcome("id", True, 0.001, **values)


FAILED = Outcome("id", False, 0.001, error="RuntimeError()", traceback="Traceback: the whole story")


async def test_outputs_are_sent_after_success_only() -> None:
    worker = Scripted([ok(outputs=[("out", Datum("x", "string"))])])
    function = FunctionInfo("f", "id", TRIGGER, (OUT,))
    assert (await Runner(worker, worker).run(function, CALL)).ok
    assert worker.sent == [("ControlStorage", "next", ["x"])]


async def test_an_output_that_cannot_be_sent_fails_the_invocation() -> None:
    worker = Scripted([ok(outputs=[("out", Datum("x", "string"))])], broken=True)
    outcome = await Runner(worker, worker).run(FunctionInfo("f", "id", TRIGGER, (OUT,)), CALL)
    assert not outcome.ok
    assert "no storage" in outcome.error


async def test_a_returned_value_goes_to_the_return_binding() -> None:
    out = Binding("$return", "queue", "out", {"queueName": "next"})
    worker = Scripted([ok(result=Datum("y", "string"))])
    await Runner(worker, worker).run(FunctionInfo("f", "id", TRIGGER, (out,)), CALL)
    assert worker.sent == [("AzureWebJobsStorage", "next", ["y"])]


async def test_an_output_of_an_unknown_kind_is_said() -> None:
    out = Binding("out", "cosmosDB", "out", {})
    worker = Scripted([ok(outputs=[("out", Datum("y", "string"))])])
    outcome = await Runner(worker, worker).run(FunctionInfo("f", "id", TRIGGER, (out,)), CALL)
    assert "cosmosDB" in outcome.error


def test_a_list_is_one_message_per_item() -> None:
    assert texts(Datum('["a", {"b": 1}]', "json")) == ["a", '{"b": 1}']
    assert texts(Datum('{"b": 1}', "json")) == ['{"b": 1}']
    assert texts(Datum(b"\xc3\xa9", "bytes")) == ["é"]


async def test_each_invocation_is_one_line_and_a_failure_has_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    worker = Scripted([ok(), FAILED])
    runner, function = Runner(worker, worker), FunctionInfo("f", "id", TRIGGER, ())
    await runner.run(function, CALL)
    await runner.run(function, CALL)
    good, bad = caplog.messages
    assert good == "f ok in 1 ms (id)"
    assert bad == "f FAILED in 1 ms (id): RuntimeError()\nTraceback: the whole story"


async def test_a_function_that_runs_too_long_has_failed() -> None:
    class Endless:
        async def invoke(self, function: FunctionInfo, call: Call) -> Outcome:
            await asyncio.Event().wait()
            raise AssertionError

    runner = Runner(Endless(), Scripted([]), timeout=0.01)
    outcome = await runner.run(FunctionInfo("f", "id", TRIGGER, ()), CALL)
    assert "functionTimeout" in outcome.error
    assert runner.running == 0


@pytest.mark.parametrize(
    ("retry", "outcomes", "attempts"),
    [
        (None, [FAILED], [(0, 0)]),
        (Retry(2, False, AT_ONCE, AT_ONCE), [FAILED, FAILED, FAILED], [(0, 2), (1, 2), (2, 2)]),
        (Retry(2, False, AT_ONCE, AT_ONCE), [FAILED, ok()], [(0, 2), (1, 2)]),
        (Retry(-1, True, AT_ONCE, AT_ONCE), [FAILED] * 9 + [ok()], [(n, -1) for n in range(10)]),
    ],
)
async def test_a_retry_policy_is_kept_and_the_function_told(
    retry: Retry | None, outcomes: list[Outcome], attempts: list[tuple[int, int]]
) -> None:
    worker = Scripted(list(outcomes))
    function = FunctionInfo("f", "id", TRIGGER, (), retry)
    outcome = await run_with_retries(Runner(worker, worker).run, function, CALL, asyncio.Event())
    assert outcome == outcomes[-1]
    assert [(call.retry, call.retries) for call in worker.calls] == attempts


async def test_a_stop_ends_the_waiting_for_a_retry() -> None:
    stop = asyncio.Event()
    stop.set()
    worker = Scripted([FAILED])
    retry = Retry(5, False, timedelta(hours=1), timedelta(hours=1))
    function = FunctionInfo("f", "id", TRIGGER, (), retry)
    assert await run_with_retries(Runner(worker, worker).run, function, CALL, stop) is None


def test_delays_are_fixed_or_double_up_to_the_longest() -> None:
    second = timedelta(seconds=1)
    assert [Retry(9, False, second, second).delay(n) for n in (1, 5)] == [1.0, 1.0]
    exponential = Retry(-1, True, second, timedelta(seconds=30))
    assert [exponential.delay(n) for n in (1, 2, 3, 6, 10_000)] == [1.0, 2.0, 4.0, 30.0, 30.0]


async def test_a_listener_that_fails_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    stop, tries = asyncio.Event(), iter([OSError("gone"), ValueError("odd"), None])

    async def listen(stop: asyncio.Event) -> None:
        if error := next(tries):
            raise error
        stop.set()

    await keep_listening("take", listen, stop, least=0.001)
    assert ["gone" in caplog.messages[0], "odd" in caplog.messages[1]] == [True, True]


async def test_a_listener_whose_settings_are_wrong_is_not() -> None:
    async def listen(stop: asyncio.Event) -> None:
        raise SettingsError("no such connection")

    with pytest.raises(SettingsError):
        await keep_listening("take", listen, asyncio.Event())


def test_pauses_double_up_to_the_longest() -> None:
    pauses = growing(0.5, 3)
    assert [next(pauses) for _ in range(5)] == [0.5, 1.0, 2.0, 3, 3]
