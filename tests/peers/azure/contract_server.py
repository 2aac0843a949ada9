"""A contract server in a thread of the tests, with the environment that leads the app to it."""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from peers.azure.__main__ import batch_service
from peers.azure.batch.service import BatchService
from peers.azure.batch.state import Pool
from peers.azure.certificate import write_certificates
from peers.azure.clock import Clock
from peers.azure.exchange import Service
from peers.azure.faults import Faults
from peers.azure.registry import RegistryService
from peers.azure.server import ContractServer, serve, serving
from peers.azure.subscription import SubscriptionService
from peers.azure.tokens import Tokens
from shared.settings import Settings

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tally-nodes"
BATCH = {
    "COMPUTE": "azure_batch",
    "BATCH_IMAGE": "tally.azurecr.io/tally-{image}:1",
    "BATCH_IDENTITY": IDENTITY,
    "BATCH_MAX_NODES": "2",
}


@dataclass(slots=True)
class Peer:
    """A running server; `env` is what the app needs to be led to it."""

    app: ContractServer
    subscription: SubscriptionService
    registry: RegistryService
    env: Mapping[str, str]
    loop: asyncio.AbstractEventLoop

    @property
    def faults(self) -> Faults:
        return self.app.faults

    def inside[T](self, act: Callable[[], T]) -> T:
        """Do something where the services live."""

        async def acted() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acted(), self.loop).result(30)


@dataclass(slots=True)
class Contract(Peer):
    """A running server of Azure Batch."""

    batch: BatchService

    @property
    def pool(self) -> Pool:
        return self.batch.account.pools["tally"]


@contextmanager
def contract_server(folder: Path, settings: Mapping[str, str], speed: float = 6000) -> Iterator[Contract]:
    """A server that lives until the block ends; raises AssertionError where anything broke the contract.

    It is as late as Azure, 600 times faster: counts and lists are behind, deletions take time.
    """
    clock, everything = Clock(), BATCH | dict(settings)
    batch = batch_service(Settings.from_env(everything), clock, "https://127.0.0.1", folder / "nodes", speed)
    with running(folder, [batch], clock) as peer:
        url = batch.account.url = peer.env["URL"]
        env = everything | {"BATCH_ENDPOINT": url, "AML_ENDPOINT": url} | peer.env
        yield Contract(peer.app, peer.subscription, peer.registry, env, peer.loop, batch)


@contextmanager
def running(folder: Path, services: list[Service], clock: Clock) -> Iterator[Peer]:
    """A server of these services; its environment names its URL and what the app's identity needs."""
    trusted, certificate = write_certificates(folder)
    header = secrets.token_hex()
    tokens, env = Tokens(clock, header), dict[str, str]()
    subscription, registry = SubscriptionService(lambda: env["URL"]), RegistryService(tokens)
    app = ContractServer([*services, subscription, registry], clock, tokens)
    server, loop = serving(app, certificate, 0), asyncio.new_event_loop()
    thread = Thread(target=_serve, args=(loop, app, server), daemon=True)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        url = f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        env |= {
            "URL": url,
            "IDENTITY_ENDPOINT": f"{url}/msi/token",
            "IDENTITY_HEADER": header,
            "REQUESTS_CA_BUNDLE": str(trusted),
        }
        yield Peer(app, subscription, registry, env, loop)
    finally:
        server.should_exit = True
        thread.join(30)
    assert app.violations == []


def _serve(loop: asyncio.AbstractEventLoop, app: ContractServer, server: Any) -> None:
    loop.run_until_complete(serve(app, server))
    loop.close()
