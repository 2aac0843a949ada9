"""How many events a second the real worker takes in, beside each part of the way alone, and where the time goes.

Event Hubs peer -> Microsoft's consumer -> host -> Microsoft's worker -> ingest_readings -> Azurite; the first and the
last are processes of their own, the rest is this one. Every way takes the same readings: 3 devices with 5 sensors in
each of 4 partitions, a value a second, windows of 5 s. The whole once to warm up, then all ways in turns, medians:
`python -m bench.worker [--events N] [--json]`.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import tempfile
import threading
import time
import types
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial, partialmethod
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

import functions.readings
import shared.readings.ingest
from bench.aggregation import Row, show
from devhost.azurite import install
from devhost.connections import event_hub_consumer
from devhost.eventhubs import CHECKPOINTS, EventHubListener
from devhost.function import FunctionInfo
from devhost.host_json import EventHubOptions, read_host_json
from devhost.lineage import children
from devhost.outputs import queue_sender
from devhost.runner import Run, Runner
from devhost.sandbox import ROOT, sandbox_settings
from devhost.services import azurite_service, event_hubs_service
from devhost.supervisor import Supervisor
from devhost.worker import Call, Outcome, Worker
from shared.readings.advance import Batch
from shared.readings.hub import open_producer
from shared.readings.ingest import Ingestor
from shared.readings.partition_key import partition_of
from shared.readings.samples import Sample
from shared.readings.sender import send_round
from shared.readings.state import decode
from shared.readings.timestamps import SECOND, to_micros
from shared.settings import Settings
from shared.storage import AzureBlobs, MemoryStorage, Storage

EVENTS, ROUNDS, PARTITIONS, DEVICES, SENSORS, GAP = 12_000, 3, 4, 3, 5, 0.2
START = to_micros(datetime.fromisoformat("2018-04-06T21:00:00Z"))
SETTINGS = {"WINDOW_SECONDS": "5", "PARTITION_COUNT": str(PARTITIONS)}
WHOLE = "the whole: SDK, host, worker, Azurite"
OTHERS = {"azurite": "Azurite (another process)", "peers.eventhub": "Event Hubs peer (another process)"}
RECEIVING, HOST, WORKER, HANDLER, CHECKPOINT = (
    "receiving (SDK)",
    "host: a batch into a call",
    "worker call: inputs decoded",
    "handler: events into a batch",
    "checkpoints (SDK)",
)
RULE, ENCODING, WRITING, IDLE = (
    "aggregation rule",
    "state and Parquet encoded",
    "storage writes (SDK)",
    "waiting",
)

type Batches = list[tuple[str, Batch]]


@dataclass(slots=True)
class Stopwatch:
    """Processor seconds of this process by stage, each without the stages inside it; threads are counted apart."""

    seconds: dict[str, float] = field(default_factory=partial(defaultdict, float))
    _inside: threading.local = field(default_factory=threading.local)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What this thread does meanwhile counts to the stage."""
        outer, begun = getattr(self._inside, "within", 0.0), time.thread_time()
        self._inside.within = 0.0
        try:
            yield
        finally:
            spent = time.thread_time() - begun
            self.seconds[name] += spent - self._inside.within
            self._inside.within = outer + spent

    def call[**P, R](self, name: str, function: Callable[P, R]) -> Callable[P, R]:
        """The function, its calls counted to the stage."""

        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.stage(name):
                return function(*args, **kwargs)

        return timed

    def steps(self, name: str, function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """The coroutine function, its steps counted to the stage but not what runs while it waits."""

        @types.coroutine
        def timed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            coroutine = function(*args, **kwargs)
            step = partial(coroutine.send, None)
            while True:
                with self.stage(name):
                    try:
                        awaited = step()
                    except StopIteration as end:
                        return end.value
                try:
                    step = partial(coroutine.send, (yield awaited))
                except BaseException as error:  # noqa: BLE001 - what waiting ended in is the coroutine's to handle
                    step = partial(coroutine.throw, error)

        return timed


@dataclass(frozen=True, slots=True)
class Rig:
    """Services with the readings in them, and the worker with the app loaded."""

    settings: dict[str, str]
    storage: Storage
    options: EventHubOptions
    function: FunctionInfo
    worker: Worker
    run: Run
    events: int


def samples(events: int) -> Iterator[Sample]:
    """Readings in time order, as many in each partition."""
    found: dict[int, list[str]] = {p: [] for p in range(PARTITIONS)}
    for name in map("machine-{:04}".format, count()):
        found[partition_of(name, PARTITIONS)].append(name)
        if min(map(len, found.values())) >= DEVICES:
            break
    devices = [name for names in found.values() for name in names[:DEVICES]]
    series = [(device, f"sensor-{s}") for device in devices for s in range(SENSORS)]
    for n in range(events):
        yield Sample(START + n // len(series) * SECOND, *series[n % len(series)], n * 0.37 % 90)


@asynccontextmanager
async def services(settings: dict[str, str], home: Path) -> AsyncIterator[None]:
    """Azurite and the Event Hubs peer, as processes of their own."""
    (home / "azurite").mkdir()
    script = install(ROOT / ".tally" / "azurite")
    wanted = azurite_service(settings, home, script), event_hubs_service(settings, home)
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(Supervisor([s for s in wanted if s]).run(stop, ready))
    running.add_done_callback(lambda _: ready.set())
    await ready.wait()
    try:
        if not running.done():
            yield
    finally:
        stop.set()
        await running


def forget(storage: Storage) -> None:
    """Empty what earlier rounds left, so that every event is new again."""
    for store in (storage.control(CHECKPOINTS), storage.control("ingest"), storage.data("windows")):
        for info in list(store.list()):
            store.delete(info.name)
    functions.readings.ingestor.cache_clear()


def check(storage: Storage, events: int) -> None:
    """Raises AssertionError unless every event has been counted once."""
    states = storage.control("ingest")
    held = [decode(blob.data) for info in states.list() if (blob := states.get(info.name))]
    counted = sum(state.counters.events for state in held)
    assert counted == events, f"{counted} of {events} events"


@contextmanager
def telling_of_partitions(times: list[float]) -> Iterator[None]:
    """Meanwhile, note when a consumer begins with a partition: before its first batch, thousands of events come in."""
    from azure.eventhub.aio import EventHubConsumerClient

    async def begun(_: Any) -> None:
        times.append(time.perf_counter())

    receive = partialmethod(EventHubConsumerClient.receive_batch, on_partition_initialize=begun)
    with patch.object(EventHubConsumerClient, "receive_batch", receive):
        yield


async def whole(rig: Rig) -> float:
    """Seconds from the opening of the first partition until the last event is in a state."""
    stop, left, times = asyncio.Event(), rig.events, list[float]()

    async def run(function: FunctionInfo, call: Call) -> Outcome:
        nonlocal left
        outcome = await rig.run(function, call)
        times.append(time.perf_counter())
        left -= len(call.inputs[0][1].value.bytes)
        if left <= 0:
            stop.set()
        return outcome

    with telling_of_partitions(times):
        await EventHubListener(rig.function, run, rig.settings, rig.options).listen(stop)
    return max(times) - min(times)


async def receiving(rig: Rig) -> float:
    """Seconds of the consumer alone, from the opening of the first partition to the last batch."""
    done, left, times = asyncio.Event(), rig.events, list[float]()

    async def take(_: Any, events: list[Any]) -> None:
        nonlocal left
        times.append(time.perf_counter())
        left -= len(events)
        if left <= 0:
            done.set()

    hub = rig.function.connection, rig.function.event_hub, rig.function.consumer_group
    async with event_hub_consumer(rig.settings, *hub) as consumer:
        with telling_of_partitions(times):
            sizes: dict[str, Any] = {"max_batch_size": rig.options.max_batch_size, "prefetch": rig.options.prefetch}
            task = asyncio.create_task(consumer.receive_batch(take, starting_position="-1", **sizes))
            await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return max(times) - min(times)


async def worker_alone(rig: Rig, calls: list[Call]) -> float:
    """Seconds of the worker for calls made beforehand, a partition's one after the other, partitions side by side."""
    forget(rig.storage)
    shares: dict[str, list[Call]] = {}
    for call in calls:
        shares.setdefault(str(call.metadata["PartitionContext"].value), []).append(call)

    async def invoke(share: list[Call]) -> None:
        for call in share:
            assert (await rig.worker.invoke(rig.function, call)).ok

    begun = time.perf_counter()
    await asyncio.gather(*map(invoke, shares.values()))
    taken = time.perf_counter() - begun
    check(rig.storage, rig.events)
    return taken


async def ingestor_alone(storage: Storage, batches: Batches) -> float:
    """Seconds of `Ingestor.ingest` for the same batches, partitions side by side as in the worker."""
    forget(storage)
    ingestor = Ingestor.of(storage, Settings.from_env())
    shares: dict[str, list[Batch]] = {}
    for partition, batch in batches:
        shares.setdefault(partition, []).append(batch)

    def ingest(partition: str) -> None:
        for batch in shares[partition]:
            ingestor.ingest(partition, batch)

    def together() -> float:
        begun = time.perf_counter()
        with ThreadPoolExecutor(PARTITIONS) as pool:
            list(pool.map(ingest, shares))
        return time.perf_counter() - begun

    return await asyncio.to_thread(together)


@contextmanager
def timed(watch: Stopwatch) -> Iterator[None]:
    """Meanwhile, the parts of the way report to the stopwatch."""
    from azure.eventhub.aio import PartitionContext
    from azure_functions_runtime import native_invocation

    steps = ((EventHubListener, "on_batch", HOST), (Worker, "invoke", WORKER))
    calls = (
        (native_invocation, "run_sync_func", HANDLER),
        (Ingestor, "ingest", ENCODING),
        (shared.readings.ingest, "advance", RULE),
        (AzureBlobs, "put", WRITING),
    )
    with ExitStack() as stack:
        for owner, name, stage in (*steps, (PartitionContext, "update_checkpoint", CHECKPOINT)):
            stack.enter_context(patch.object(owner, name, watch.steps(stage, getattr(owner, name))))
        for place, name, stage in calls:
            stack.enter_context(patch.object(place, name, watch.call(stage, getattr(place, name))))
        yield


async def stages(rig: Rig) -> tuple[float, dict[str, float]]:
    """Seconds of the whole, and by stage: what the event loop does besides is receiving."""
    forget(rig.storage)
    watch, others = Stopwatch(), other_processes()
    with timed(watch):
        loop, process = time.thread_time(), time.process_time()
        clock = await whole(rig)
        loop, process = time.thread_time() - loop, time.process_time() - process
    seconds = watch.seconds
    seconds[RECEIVING] = loop - sum(seconds[name] for name in (HOST, WORKER, CHECKPOINT))
    seconds[IDLE] = max(clock - process, 0.0)
    for name, before in others.items():
        seconds[name] = other_processes()[name] - before
    check(rig.storage, rig.events)
    return clock, seconds


def other_processes() -> dict[str, float]:
    """Processor seconds of the services so far; empty where the system does not tell."""
    found = {}
    for pid in children():
        command = Path(f"/proc/{pid}/cmdline").read_text()
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        for part, name in OTHERS.items():
            if part in command:
                found[name] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return found


async def record(rig: Rig) -> tuple[list[Call], Batches]:
    """The calls that the host makes of the readings, and the batches that the handler makes of them."""
    calls: list[Call] = []
    batches: Batches = []
    invoke, ingest = Worker.invoke, Ingestor.ingest

    async def recorded_invoke(self: Worker, function: FunctionInfo, call: Call) -> Outcome:
        calls.append(call)
        return await invoke(self, function, call)

    def recorded_ingest(self: Ingestor, partition: str, batch: Batch) -> Any:
        batches.append((partition, batch))
        return ingest(self, partition, batch)

    with patch.object(Worker, "invoke", recorded_invoke), patch.object(Ingestor, "ingest", recorded_ingest):
        forget(rig.storage)
        await whole(rig)
    return calls, batches


async def measured(rig: Rig, sending: float) -> dict[str, list[Row]]:
    """All ways in turns; the tables' rows by title."""
    calls, batches = await record(rig)
    taken: dict[str, list[float]] = {}
    shares: list[tuple[float, dict[str, float]]] = []
    ways: dict[str, Callable[[], Awaitable[float]]] = {
        "consumer alone (SDK), events dropped": lambda: receiving(rig),
        "worker on calls made beforehand, Azurite": lambda: worker_alone(rig, calls),
        "Ingestor.ingest alone, Azurite": lambda: ingestor_alone(rig.storage, batches),
        "Ingestor.ingest alone, in memory": lambda: ingestor_alone(MemoryStorage(), batches),
    }
    for _ in range(ROUNDS):
        for name, way in ways.items():
            await asyncio.sleep(GAP)
            taken.setdefault(name, []).append(await way())
        await asyncio.sleep(GAP)
        shares.append(await stages(rig))
    medians = {WHOLE: statistics.median(clock for clock, _ in shares)}
    medians |= {name: statistics.median(times) for name, times in taken.items()}
    medians["sending alone (SDK), once"] = sending
    size = rig.events / len(calls)
    return {
        f"{rig.events:,} events, {size:,.0f} to a batch": [
            Row(name, {"events/s": rig.events / taken, "times the whole": medians[WHOLE] / taken})
            for name, taken in medians.items()
        ],
        "Processor time of the whole, stage by stage": list(parts(shares, rig.events, len(calls))),
    }


def parts(shares: list[tuple[float, dict[str, float]]], events: int, batches: int) -> Iterator[Row]:
    """Processor time by stage, medians."""
    names = (RECEIVING, HOST, WORKER, HANDLER, RULE, ENCODING, WRITING, CHECKPOINT, IDLE, *OTHERS.values())
    for name in names:
        share = statistics.median(100 * seconds[name] / clock for clock, seconds in shares)
        spent = statistics.median(seconds[name] for _, seconds in shares)
        yield Row(
            name, {"% of the clock": share, "us an event": 1e6 * spent / events, "ms a batch": 1e3 * spent / batches}
        )


async def measure(events: int) -> dict[str, list[Row]]:
    """Start everything, send the readings, measure."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = sandbox_settings(home) | SETTINGS
        os.environ.update(settings)
        async with services(settings, home):
            sending = await asyncio.to_thread(send, events)
            async with queue_sender(settings, base64=False) as sender:
                worker = Worker(ROOT)
                function = next(f for f in worker.functions if f.name == "ingest_readings").expanded(settings)
                storage = Storage.from_settings(Settings.from_env())
                options = read_host_json(ROOT).event_hubs
                run = Runner(worker, sender).run
                try:
                    return await measured(Rig(settings, storage, options, function, worker, run, events), sending)
                finally:
                    worker.close()


def send(events: int) -> float:
    """Seconds that the producer takes."""
    readings = list(samples(events))
    with open_producer(Settings.from_env()) as producer:
        producer.get_partition_ids()
        begun = time.perf_counter()
        send_round(producer, PARTITIONS, readings)
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--json", action="store_true", help="JSON lines in place of tables")
    arguments = parser.parse_args()
    logging.getLogger("azure").setLevel(logging.ERROR)
    for title, rows in asyncio.run(measure(arguments.events)).items():
        if arguments.json:
            print("\n".join(json.dumps({"bench": title, "case": row.name, **row.figures}) for row in rows))
        else:
            Console().print(show(title, rows))


if __name__ == "__main__":
    main()
