"""The Event Hubs trigger, on Microsoft's consumer: batches per partition, retries, then always a checkpoint."""

import asyncio
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from devhost.connections import blob_service, credential, event_hub_consumer, storage_string
from devhost.data import Event, Partition, event_call, events_call
from devhost.function import FunctionInfo
from devhost.host_json import EventHubOptions
from devhost.pace import describe
from devhost.runner import Run, run_with_retries
from devhost.worker import Call
from shared.readings.hub import as_tally_error
from shared.settings.this_machine import HOST_STORAGE

if TYPE_CHECKING:
    from azure.eventhub import EventData
    from azure.eventhub.aio import EventHubConsumerClient, PartitionContext

log = logging.getLogger("devhost.eventhubs")

CHECKPOINTS = "azure-webjobs-eventhub"


class EventHubListener:
    """Listens for one Event Hubs function: one invocation at a time per partition, partitions side by side."""

    def __init__(self, function: FunctionInfo, run: Run, settings: Mapping[str, str], options: EventHubOptions) -> None:
        self._function = function
        self._run = run
        self._settings = settings
        self._options = options
        self._stop = asyncio.Event()
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._batches: dict[str, int] = {}

    async def listen(self, stop: asyncio.Event) -> None:
        """Receive until `stop` is set, then finish the batches in work."""
        self._stop = stop
        await self._create_checkpoints()
        async with self._store() as store, self._consumer(store) as consumer:
            receiving = asyncio.create_task(self._receive(consumer))
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait([receiving, stopping], return_when=asyncio.FIRST_COMPLETED)
                if receiving.done():
                    receiving.result()
                await self._idle.wait()
            finally:
                receiving.cancel()
                stopping.cancel()

    async def on_batch(self, partition: "PartitionContext", events: Sequence["EventData"]) -> None:
        """One batch: run, retry by the function's policy, checkpoint whatever came of it."""
        if not events or self._stop.is_set():
            return
        self._busy += 1
        self._idle.clear()
        try:
            if all([await self._try(call) for call in self._calls(partition, events)]):
                await self._checkpoint(partition, events[-1])
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _try(self, call: Call) -> bool:
        outcome = await run_with_retries(self._run, self._function, call, self._stop)
        return outcome is not None

    def _calls(self, context: "PartitionContext", events: Sequence["EventData"]) -> list[Call]:
        partition = Partition(
            context.fully_qualified_namespace,
            context.eventhub_name,
            context.consumer_group,
            context.partition_id,
        )
        name, binary = self._function.trigger.name, self._function.binary
        batch = [read_event(event) for event in events]
        if self._function.many:
            return [events_call(name, batch, partition, binary=binary)]
        return [event_call(name, event, partition, binary=binary) for event in batch]

    async def _checkpoint(self, partition: "PartitionContext", last: "EventData") -> None:
        done = self._batches.get(partition.partition_id, 0) + 1
        self._batches[partition.partition_id] = done
        if done % self._options.checkpoint_every:
            return
        try:
            await partition.update_checkpoint(last)
        except Exception as error:  # noqa: BLE001 - the next batch's checkpoint covers this one
            log.warning(
                "%s: no checkpoint in partition %s (%s)",
                self._function.name,
                partition.partition_id,
                describe(error),
            )

    async def _receive(self, consumer: "EventHubConsumerClient") -> None:
        await consumer.receive_batch(
            self.on_batch,
            max_batch_size=self._options.max_batch_size,
            prefetch=self._options.prefetch,
            starting_position="@latest" if self._options.from_end else "-1",
            on_error=self._on_error,
        )

    async def _on_error(self, partition: "PartitionContext | None", error: Exception) -> None:
        where = f"partition {partition.partition_id}" if partition else "the event hub"
        log.warning("%s: %s: %s", self._function.name, where, _meaning(error))

    def _consumer(self, store: Any) -> "EventHubConsumerClient":
        return event_hub_consumer(
            self._settings,
            self._function.connection,
            self._function.event_hub,
            self._function.consumer_group,
            checkpoint_store=store,
            load_balancing_interval=self._options.balance_interval,
            partition_ownership_expiration_interval=self._options.ownership_expires,
        )

    def _store(self) -> Any:
        from azure.eventhub.extensions.checkpointstoreblobaio import BlobCheckpointStore

        if text := storage_string(self._settings, HOST_STORAGE):
            return BlobCheckpointStore.from_connection_string(text, CHECKPOINTS)
        address = self._settings[f"{HOST_STORAGE}__blobServiceUri"]
        return BlobCheckpointStore(address, CHECKPOINTS, credential=credential(address))

    async def _create_checkpoints(self) -> None:
        from azure.core.exceptions import ResourceExistsError

        async with blob_service(self._settings, HOST_STORAGE) as service:
            try:
                await service.create_container(CHECKPOINTS)
            except ResourceExistsError:
                pass


def _meaning(error: Exception) -> str:
    from azure.eventhub.exceptions import AuthenticationError

    return str(as_tally_error(error, "")) if isinstance(error, AuthenticationError) else describe(error)


def read_event(event: "EventData") -> Event:
    """The SDK's event as the host passes it on."""
    return Event(
        body=_body(event),
        sequence_number=int(event.sequence_number or 0),
        offset=str(event.offset or ""),
        enqueued=event.enqueued_time,  # type: ignore[arg-type]
        partition_key=event.partition_key.decode() if event.partition_key else None,
        properties={_text(key): _plain(value) for key, value in (event.properties or {}).items()},
    )


def _body(event: "EventData") -> bytes:
    from azure.eventhub.amqp import AmqpMessageBodyType

    if event.body_type == AmqpMessageBodyType.DATA:
        return b"".join(cast("Iterable[bytes]", event.body))
    return json.dumps(event.body, default=_text).encode()


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else _text(value)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
