"""Output bindings: what a function hands to `$return` or `func.Out` goes to the queue that its binding names."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from devhost.connections import queue_service
from devhost.function import Binding, FunctionInfo
from devhost.worker import Outcome
from shared.errors import InvalidInput

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueServiceClient


class Sender(Protocol):
    """Puts texts into queues."""

    async def send(self, connection: str, queue: str, texts: list[str]) -> None:
        """Send each text as a message, in order; a queue that is absent is made."""


class QueueSender:
    """The queues of the accounts that the settings name. Close it."""

    def __init__(self, settings: Mapping[str, str], *, base64: bool) -> None:
        self._settings = settings
        self._base64 = base64
        self._services: dict[str, QueueServiceClient] = {}

    async def send(self, connection: str, queue: str, texts: list[str]) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        if connection not in self._services:
            self._services[connection] = queue_service(self._settings, connection)
        client = self._services[connection].get_queue_client(queue)
        for text in texts:
            message = encode(text) if self._base64 else text
            try:
                await client.send_message(message)
            except ResourceNotFoundError:
                try:
                    await client.create_queue()
                except ResourceExistsError:
                    pass
                await client.send_message(message)

    async def close(self) -> None:
        for service in self._services.values():
            await service.close()


@asynccontextmanager
async def queue_sender(settings: Mapping[str, str], *, base64: bool) -> AsyncIterator[QueueSender]:
    """A sender that is closed at the end."""
    sender = QueueSender(settings, base64=base64)
    try:
        yield sender
    finally:
        await sender.close()


async def deliver(function: FunctionInfo, outcome: Outcome, sender: Sender) -> None:
    """Send what the function put out; raises InvalidInput for a binding that this host does not know."""
    bindings = {binding.name: binding for binding in function.outputs}
    for name, datum in _outputs(outcome):
        binding = bindings.get(name)
        if binding is None or binding.type == "http":
            continue
        if binding.type != "queue":
            raise InvalidInput(f"{function.name} puts out to {binding.type!r}, which this host does not know.")
        await sender.send(_connection(binding), binding.text("queueName"), texts(datum))


def texts(datum: Any) -> list[str]:
    """The messages that a function's output stands for: a list is one message per item."""
    if datum.type == "bytes":
        return [datum.value.decode()]
    if datum.type != "json":
        return [str(datum.value)]
    value = json.loads(datum.value)
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, str) else json.dumps(item) for item in items]


def encode(text: str) -> str:
    """Text as the real host's default message encoding has it."""
    return base64.b64encode(text.encode()).decode()


def _outputs(outcome: Outcome) -> list[tuple[str, Any]]:
    if outcome.result is None or outcome.result.type is None:
        return list(outcome.outputs)
    return [("$return", outcome.result), *outcome.outputs]


def _connection(binding: Binding) -> str:
    return binding.text("connection", "AzureWebJobsStorage")
