"""How Azurite is started: the command line carries no key, the environment does."""

from collections.abc import Iterable
from pathlib import Path

from devhost.azurite.install import node_home
from shared.settings.storage_account import Account


def command(script: Path, blob_port: int, queue_port: int, location: Path | None) -> list[str]:
    """The command line; a port of 0 lets Azurite choose one and say so, no location keeps all in memory."""
    # Azurite does not know the newest API versions that the SDKs ask for, and it would report home.
    line = [str(node_home() / "bin" / "node"), str(script), "--silent", "--skipApiVersionCheck"]
    line += ["--disableTelemetry"]
    for service, port in (("blob", blob_port), ("queue", queue_port), ("table", 0)):
        line += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
    return [*line, "--location", str(location)] if location else [*line, "--inMemoryPersistence"]


def environment(accounts: Iterable[Account]) -> dict[str, str]:
    """The variables that tell Azurite its accounts and their keys."""
    return {"AZURITE_ACCOUNTS": ";".join(f"{account.name}:{account.key}" for account in accounts)}
