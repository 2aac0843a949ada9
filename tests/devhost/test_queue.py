"""The queue trigger's rules, on a queue in memory."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from devhost.data import QueueMessage
from devhost.function import Binding, FunctionInfo
from devhost.host_json import QueueOptions
from devhost.outputs import encode
from devhost.queue import QueueListener, decode, poison_name
from devhost.worker import Call, Outcome

pytestmark = pytest.mark.anyio

TAKE = FunctionInfo("take", "id", Binding("message", "queueTrigger", "in", {"queueName": "runs"}), ())
OPTIONS = QueueOptions(4, 2, 3, 0.0, 0.0, base64=False)


@dataclass
class MemoryQueue:
    """A queue whose hidden messages stay hidden until `reappear`; `broken` makes every call fail."""

    waiting: list[QueueMessage] = field(default_factory=list)
    hidden: dict[str, QueueMessage] = field(default_factory=dict)
    poisoned: list[str] = field(default_factory=list)
    hides: list[float] = field(default_factory=list)
    broken: bool = False
    renewed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *bodies: str) -> None:
        self.waiting += [QueueMessage(body, f"id-{body}", 0) for body in bodies]

    def reappear(self) -> None:
        self.waiting += self.hidden.values()
        self.hidden.clear()

    async def create(self) -> None:
        pass

    async def receive(self, count: int, lease: float) -> list[QueueMessage]:
        if self.broken:
            raise OSError("the queue is away")
        batch, self.waiting = self.waiting[:count], self.waiting[count:]
        got = [replace(m, dequeue_count=m.dequeue_count + 1, pop_receipt="r0") for m in batch]
        self.hidden |= {message.id: message for message in got}
        return got

    async def hide(self, message: QueueMessage, seconds: float) -> QueueMessage:
        self._check(message)
        self.hides.append(seconds)
        if len(self.hides) == 3:
            self.renewed.set()
        changed = replace(message, pop_receipt=message.pop_receipt + "+")
        self.hidden[message.id] = changed
        if seconds == 0:
            self.waiting.append(self.hidden.pop(message.id))
        return changed

    async def delete(self, message: QueueMessage) -> None:
        self._check(message)
        del self.hidden[message.id]

    async def poison(self, message: QueueMessage) -> None:
        self.poisoned.append(message.body)

    def _check(self, message: QueueMessage) -> None:
        assert self.hidden[message.id].pop_receipt == message.pop_receipt, "a receipt that no longer fits"


@dataclass
class Runs:
    """Notes what ran; `gate` holds every run back until it is opened."""

    stop: asyncio.Event
    until: int
    ok: bool = True
    gate: asyncio.Event | None = None
    seen: list[tuple[str, int]] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most: int = 0

    async def run(self, function: FunctionInfo, call: Call) -> Outcome:
        self.seen.append((call.inputs[0][1].value, int(call.metadata["DequeueCount"].value)))
        self.started.set()
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.gate:
            await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        if len(self.seen) >= self.until:
            self.stop.set()
        return Outcome("id", self.ok, 0.0)


async def listen(queue: MemoryQueue, runs: Runs, options: QueueOptions = OPTIONS, lease: float = 30.0) -> None:
    async with asyncio.timeout(10):
        await QueueListener(TAKE, runs.run, queue, options, lease).listen(runs.stop)


async def test_a_message_that_is_done_is_deleted() -> None:
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 2)
    queue.put("a", "b")
    await listen(queue, runs)
    assert sorted(runs.seen) == [("a", 1), ("b", 1)]
    assert (queue.hidden, queue.waiting, queue.poisoned) == ({}, [], [])


async def test_a_failing_message_is_tried_as_often_as_said_and_then_poison() -> None:
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 3, ok=False)
    queue.put("bad")
    await listen(queue, runs)
    assert runs.seen == [("bad", 1), ("bad", 2), ("bad", 3)]
    assert (queue.poisoned, queue.hidden, queue.waiting) == (["bad"], {}, [])


async def test_a_message_dequeued_too_often_by_hosts_that_died_is_poison_without_another_try() -> None:
    stop = asyncio.Event()
    queue, runs = MemoryQueue(), Runs(stop, 1)
    queue.waiting = [QueueMessage("cursed", "id", 3)]
    queue.put("fine")
    await listen(queue, runs)
    assert runs.seen == [("fine", 1)]
    assert queue.poisoned == ["cursed"]


async def test_a_failed_message_waits_out_the_visibility_timeout() -> None:
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 1, ok=False)
    queue.put("later")
    await listen(queue, runs, replace(OPTIONS, visibility_timeout=30.0))
    assert queue.hides == [30.0]
    assert list(queue.hidden) == ["id-later"]


async def test_no_more_than_a_batch_and_the_threshold_run_at_once() -> None:
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 30)
    queue.put(*map(str, range(30)))
    await listen(queue, runs)
    assert len(set(runs.seen)) == 30
    assert runs.most <= OPTIONS.batch_size + OPTIONS.new_batch_threshold


async def test_a_long_run_keeps_its_message_and_settles_with_the_newest_receipt() -> None:
    gate = asyncio.Event()
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 1, gate=gate)
    queue.put("long")
    listening = asyncio.create_task(listen(queue, runs, lease=0.02))
    await asyncio.wait_for(queue.renewed.wait(), 5)
    gate.set()
    await listening
    assert queue.hidden == {}


async def test_work_goes_on_to_its_end_when_the_queue_fails_meanwhile() -> None:
    gate = asyncio.Event()
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 5, gate=gate)
    queue.put("a")
    listening = asyncio.create_task(listen(queue, runs))
    await asyncio.wait_for(runs.started.wait(), 5)
    queue.broken = True
    gate.set()
    with pytest.raises(OSError, match="away"):
        await listening
    assert queue.hidden == {}


async def test_base64_messages_are_decoded_and_others_are_poison() -> None:
    queue, runs = MemoryQueue(), Runs(asyncio.Event(), 1)
    queue.put("not base64!", encode("héllo"))
    await listen(queue, runs, replace(OPTIONS, base64=True))
    assert runs.seen == [("héllo", 1)]
    assert queue.poisoned == ["not base64!"]


def test_encoding_is_undone_by_decoding() -> None:
    assert decode(encode("ünï")) == "ünï"
    with pytest.raises(ValueError, match="base64"):
        decode("%")


def test_a_poison_queue_has_no_poison_queue() -> None:
    assert poison_name("runs") == "runs-poison"
    assert poison_name("runs-poison") is None
