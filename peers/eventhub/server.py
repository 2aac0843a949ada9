"""Starting and stopping the server, in this event loop or in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.broker import Broker, HubSpec, PublishHook
from peers.eventhub.connection import Connection, Service
from peers.eventhub.times import Times
from peers.eventhub.tokens import Keys, SharedKey
from shared.errors import SettingsError

LOOPBACK = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve. Without `data`, events live in temporary files; `port` 0 takes any free one.

    `identity` is the secret of the stand-in identity endpoint whose tokens are taken; without it none are.
    """

    hubs: Sequence[HubSpec]
    key: SharedKey
    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    times: Times = Times()
    identity: str = field(default="", repr=False)
    on_publish: PublishHook | None = None


class Server:
    """A listening server; close it."""

    def __init__(self, listener: asyncio.Server, service: Service, options: Options) -> None:
        self._listener = listener
        self._service = service
        self._options = options
        self.broker = service.broker
        self.port: int = listener.sockets[0].getsockname()[1]

    @property
    def connection_string(self) -> str:
        """What the SDKs are given, key and all. The port is honoured in emulator mode only, spelt like this."""
        key = self._options.key
        return (
            f"Endpoint=sb://{self._options.host}:{self.port};SharedAccessKeyName={key.name};"
            f"SharedAccessKey={key.key};UseDevelopmentEmulator=true;"
        )

    def drop_connections_soon(self) -> None:
        """The same from another thread."""
        self._listener.get_loop().call_soon_threadsafe(self.drop_connections)

    def drop_connections(self) -> None:
        """Ends all connections at once, as a network fault would."""
        for connection in list(self._service.connections):
            connection.abort()

    async def close(self) -> None:
        """Says goodbye to all peers and flushes the events to disk."""
        self._listener.close()
        for connection in list(self._service.connections):
            connection.fail(AmqpError(Condition.FORCED, "The server is stopping."))
        await asyncio.sleep(0)
        self.drop_connections()
        await self._listener.wait_closed()
        self.broker.close()


async def listen(options: Options) -> Server:
    """Opens the hubs and listens. SettingsError for an address other than loopback, a taken port, a folder in use."""
    if options.host not in LOOPBACK:
        raise SettingsError(
            f"The Event Hubs peer listens on this machine only, not on {options.host!r}.", "Use 127.0.0.1."
        )
    broker = _open_broker(options)
    service = Service(broker, Keys(options.key, options.identity), options.times)
    loop = asyncio.get_running_loop()
    try:
        # By number: "localhost" may be two addresses, which would get two ports.
        listener = await loop.create_server(lambda: Connection(service), "127.0.0.1", options.port)
    except OSError as error:
        broker.close()
        raise SettingsError(
            f"Port {options.port} on {options.host} cannot be used: {error.strerror or error}.",
            "Stop what holds it, or choose another with --port.",
        ) from error
    return Server(listener, service, options)


def _open_broker(options: Options) -> Broker:
    try:
        return Broker(options.hubs, options.data, options.on_publish)
    except OSError as error:
        raise SettingsError(
            f"The folder {options.data} cannot be used: {error.strerror}.", "Give --data another one."
        ) from error


@contextmanager
def background(options: Options) -> Iterator[Server]:
    """The server in a thread with its own event loop, for programs that block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="eventhub", daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(listen(options), loop).result()
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
