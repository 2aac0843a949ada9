"""How many events a second the real SDK gets in and out of the loopback Event Hubs peer; one JSON line.

python -m bench.eventhub [--events N]
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext

_HUB = "bench"
_BODY = json.dumps({"ts": "2024-01-01T00:00:00Z", "device": 1, "tag": 2, "value": 0.5, "pad": "x" * 128}).encode()
_KEY = {"EVENTHUB_KEY_NAME": "bench", "EVENTHUB_KEY": "bench-only"}


@contextmanager
def _server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "peers.eventhub", "--port", "0", "--data", folder, "--hub", f"{_HUB}:4"]
        root = Path(__file__).parent.parent
        with subprocess.Popen(command, cwd=root, env=os.environ | _KEY, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            address = process.stdout.readline().split("listening on ")[1].split(",")[0]
            policy = f"SharedAccessKeyName={_KEY['EVENTHUB_KEY_NAME']};SharedAccessKey={_KEY['EVENTHUB_KEY']}"
            yield f"Endpoint=sb://{address};{policy};UseDevelopmentEmulator=true;"
            process.terminate()


async def _send(connection: str, events: int, batch_size: int = 1000) -> float:
    producer = EventHubProducerClient.from_connection_string(connection, eventhub_name=_HUB)
    async with producer:
        await producer.get_partition_ids()
        started = time.perf_counter()
        for first in range(0, events, batch_size):
            batch = await producer.create_batch(partition_key=f"device-{first // batch_size}")
            for _ in range(min(batch_size, events - first)):
                batch.add(EventData(_BODY))
            await producer.send_batch(batch)
        return time.perf_counter() - started


async def _receive(connection: str, events: int) -> float:
    received, times = 0, [0.0, 0.0]
    finished = asyncio.Event()

    async def take(_: PartitionContext, batch: list[EventData]) -> None:
        nonlocal received
        times[received > 0] = time.perf_counter()
        received += len(batch)
        if received >= events:
            finished.set()

    consumer = EventHubConsumerClient.from_connection_string(connection, "$Default", eventhub_name=_HUB)
    async with consumer:
        task = asyncio.create_task(
            consumer.receive_batch(take, max_batch_size=1000, prefetch=3000, starting_position="-1")
        )
        await finished.wait()
        task.cancel()
    return times[1] - times[0]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    events = parser.parse_args().events
    with _server() as connection:
        seconds_in = asyncio.run(_send(connection, events))
        seconds_out = asyncio.run(_receive(connection, events))
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "benchmark": "eventhub",
        "events": events,
        "event_bytes": len(_BODY),
        "events_per_second_in": round(events / seconds_in),
        "events_per_second_out": round(events / seconds_out),
        "server_cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "server_peak_mib": usage.ru_maxrss // 1024,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
