"""The queue trigger: batches, leases that are renewed, retries by dequeue count, then the poison queue."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from devhost.connections import queue_service
from devhost.data import QueueMessage, queue_call
from devhost.function import FunctionInfo
from devhost.host_json import QueueOptions
from devhost.pace import describe, growing, stopped_within
from devhost.runner import Run
from devhost.worker import Outcome

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

log = logging.getLogger("devhost.queue")

# A message in work is hidden this long and renewed at half of it: after a kill it is back this soon.
# The real host hides it for ten minutes, which is long to wait for on one's own machine.
LEASE_SECONDS = 30
LEAST_PAUSE = 0.1


class MessageQueue(Protocol):
    """One queue with its poison queue, as the listener needs them; message bodies are as stored."""

    async def create(self) -> None:
        """Make the queue where it is absent."""

    async def receive(self, count: int, lease: float) -> list[QueueMessage]:
        """Take up to `count` messages, which nobody else sees for `lease` seconds."""

    async def hide(self, message: QueueMessage, seconds: float) -> QueueMessage:
        """Show the message to others only after that long; returns it with its new receipt."""

    async def delete(self, message: QueueMessage) -> None:
        """Remove the message for good."""

    async def poison(self, message: QueueMessage) -> None:
        """Put a copy into the poison queue."""


class QueueListener:
    """Listens for one queue function."""

    def __init__(
        self,
        function: FunctionInfo,
        run: Run,
        queue: MessageQueue,
        options: QueueOptions,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._function = function
        self._run = run
        self._queue = queue
        self._options = options
        self._lease = lease

    async def listen(self, stop: asyncio.Event) -> None:
        """Poll until `stop` is set, then finish the messages in work. Raises what the queue raises."""
        await self._queue.create()
        working: set[asyncio.Task[None]] = set()
        try:
            await self._poll(stop, working)
        finally:
            # Also when the queue fails: work that has begun is never broken off for it.
            if working:
                await asyncio.wait(working)

    async def _poll(self, stop: asyncio.Event, working: set[asyncio.Task[None]]) -> None:
        pauses = self._pauses()
        while not stop.is_set():
            if len(working) > self._options.new_batch_threshold:
                await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                continue
            messages = await self._queue.receive(self._options.batch_size, self._lease)
            for message in messages:
                task = asyncio.create_task(self._work(message))
                working.add(task)
                task.add_done_callback(working.discard)
            if messages:
                pauses = self._pauses()
            elif await stopped_within(stop, next(pauses)):
                return

    def _pauses(self) -> Any:
        return growing(LEAST_PAUSE, max(self._options.max_polling_interval, LEAST_PAUSE))

    async def _work(self, message: QueueMessage) -> None:
        try:
            await self._process(message)
        except Exception as error:  # noqa: BLE001 - the message comes back when its lease ends
            log.warning("%s: message %s is left to return (%s)", self._name, message.id, describe(error))

    async def _process(self, message: QueueMessage) -> None:
        if message.dequeue_count > self._options.max_dequeue_count:
            await self._give_up(message)
            return
        try:
            body = decode(message.body) if self._options.base64 else message.body
        except ValueError:
            log.error("%s: message %s is not base64, as messageEncoding asks", self._name, message.id)
            await self._give_up(message)
            return
        outcome, held = await self._run_leased(message, body)
        await self._settle(held, ok=outcome.ok)

    async def _run_leased(self, message: QueueMessage, body: str) -> tuple[Outcome, QueueMessage]:
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew(message, done))
        try:
            call = queue_call(self._function.trigger.name, replace(message, body=body))
            outcome = await self._run(self._function, call)
        finally:
            # Waited for, not cancelled: a renewal cut off half-way leaves a receipt that no longer fits.
            done.set()
            held = await renewal
        return outcome, held

    async def _settle(self, message: QueueMessage, *, ok: bool) -> None:
        if ok:
            await self._queue.delete(message)
        elif message.dequeue_count >= self._options.max_dequeue_count:
            await self._give_up(message)
        else:
            await self._queue.hide(message, self._options.visibility_timeout)

    async def _give_up(self, message: QueueMessage) -> None:
        await self._queue.poison(message)
        await self._queue.delete(message)
        log.error(
            "%s: message %s went to %s after %d attempts",
            self._name,
            message.id,
            poison_name(self._function.queue) or "nowhere, being poison already,",
            message.dequeue_count,
        )

    async def _renew(self, message: QueueMessage, done: asyncio.Event) -> QueueMessage:
        while not await stopped_within(done, self._lease / 2):
            try:
                message = await self._queue.hide(message, self._lease)
            except Exception as error:  # noqa: BLE001 - a lost lease costs a second delivery, which is allowed
                log.warning("%s: message %s: no renewal (%s)", self._name, message.id, describe(error))
        return message

    @property
    def _name(self) -> str:
        return self._function.name


def poison_name(queue: str) -> str | None:
    """The queue for messages that failed too often; poison queues have none."""
    return None if queue.endswith("-poison") else f"{queue}-poison"


def decode(text: str) -> str:
    """A message in the real host's default encoding; raises ValueError."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not base64 of UTF-8 text") from error


class AzureQueue:
    """A queue of a storage account. Close it."""

    def __init__(self, settings: Mapping[str, str], connection: str, queue: str) -> None:
        self._service = queue_service(settings, connection)
        self._client: QueueClient = self._service.get_queue_client(queue)
        self._poison_name = poison_name(queue)

    async def create(self) -> None:
        await _create(self._client)

    async def receive(self, count: int, lease: float) -> list[QueueMessage]:
        found = self._client.receive_messages(
            messages_per_page=count, max_messages=count, visibility_timeout=int(lease)
        )
        return [_message(item) async for item in found]

    async def hide(self, message: QueueMessage, seconds: float) -> QueueMessage:
        changed = await self._client.update_message(message.id, message.pop_receipt, visibility_timeout=int(seconds))
        return replace(message, pop_receipt=str(changed.pop_receipt))

    async def delete(self, message: QueueMessage) -> None:
        await self._client.delete_message(message.id, message.pop_receipt)

    async def poison(self, message: QueueMessage) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        if self._poison_name is None:
            return
        client = self._service.get_queue_client(self._poison_name)
        try:
            await client.send_message(message.body, time_to_live=-1)
        except ResourceNotFoundError:
            await _create(client)
            await client.send_message(message.body, time_to_live=-1)

    async def close(self) -> None:
        await self._service.close()


async def _create(client: "QueueClient") -> None:
    from azure.core.exceptions import ResourceExistsError

    try:
        await client.create_queue()
    except ResourceExistsError:
        pass


def _message(item: Any) -> QueueMessage:
    return QueueMessage(
        item.content,
        item.id,
        item.dequeue_count,
        item.pop_receipt,
        item.inserted_on,
        item.expires_on,
        item.next_visible_on,
    )
