"""`python -m peers.azure` serves what COMPUTE names on this machine: Azure Batch or Azure Machine Learning."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from peers.azure.batch.management import pool_body
from peers.azure.batch.service import BatchService
from peers.azure.batch.times import Times
from peers.azure.certificate import write_certificates
from peers.azure.clock import Clock
from peers.azure.exchange import Service
from peers.azure.ml.local import machine_learning
from peers.azure.registry import RegistryService
from peers.azure.server import ContractServer, serve, serving
from peers.azure.subscription import SubscriptionService
from peers.azure.tokens import Tokens
from shared.compute.azure_batch.pool import definition
from shared.compute.azure_batch.submission import named
from shared.errors import TallyError
from shared.settings import Settings
from shared.workloads import IMAGES

ROOT = Path(__file__).resolve().parents[2]
HOPELESS = 2
LATENESS = 600.0


def batch_service(
    settings: Settings, clock: Clock, url: str, root: Path, speed: float, lateness: float = LATENESS
) -> BatchService:
    """A Batch account with the pools that the settings name, defined as in Azure.

    What is late in Azure, or takes time beside the pools, is `lateness` times as fast here. The nodes get the
    connection strings of the settings, where real ones have an identity.
    """
    connections = (settings.data_storage, settings.control_storage)
    identity = {each.name: each.string for each in connections if each.string}
    service = BatchService(clock, url, root, ROOT, identity, speed=speed, times=Times().faster(lateness))
    for image in IMAGES:
        name = named(settings.batch_pool, image.name)
        if name.lower() not in service.account.pools:
            images = (image,) if "{image}" in settings.batch_pool else IMAGES
            service.pools.add(pool_body(name, definition(settings, images)))
    return service


async def _main(arguments: argparse.Namespace) -> None:
    data: Path = arguments.data
    clock = Clock()
    tokens = Tokens(clock, os.environ.get("IDENTITY_HEADER", ""))
    url = f"https://127.0.0.1:{arguments.port}"
    settings, services = Settings.from_env(), list[Service]()
    if settings.compute == "azure_ml":
        services += machine_learning(settings, clock, url, data / "ml", arguments.speed)
    else:
        services.append(batch_service(settings, clock, url, data / "batch", arguments.speed))
    services += [SubscriptionService(lambda: url), RegistryService(tokens)]
    _, certificate = write_certificates(data)
    server = serving(ContractServer(services, clock, tokens), certificate, arguments.port)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    await serve(server.config.app, server)  # type: ignore[arg-type]


def main() -> int:
    """Serve until told to stop; exit code 2 where the settings do not allow it."""
    parser = argparse.ArgumentParser("peers.azure", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port of 127.0.0.1 to serve HTTPS on")
    parser.add_argument("--data", type=Path, required=True, help="folder for certificates and the nodes' files")
    parser.add_argument(
        "--speed", type=float, default=600.0, metavar="X", help="pools scale X times faster than in Azure (default 600)"
    )
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        asyncio.run(_main(parser.parse_args()))
    except TallyError as error:
        print(f"peers.azure: {error}", file=sys.stderr)
        return HOPELESS
    return 0


if __name__ == "__main__":
    sys.exit(main())
