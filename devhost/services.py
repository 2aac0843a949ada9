"""Which local services the settings ask for, and how each is started: connection strings decide on ports."""

import secrets
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from devhost import azurite
from shared.errors import SettingsError
from shared.settings import Connection, Settings
from shared.settings.event_hub_string import Namespace, parse_namespace
from shared.settings.storage_account import LOOPBACK
from shared.settings.this_machine import STORAGE_SETTINGS, host_setting, local_accounts


@dataclass(frozen=True, slots=True)
class Port:
    """A port of this machine, what it is for, and the settings that choose it."""

    number: int
    purpose: str
    setting: str


@dataclass(frozen=True, slots=True)
class Service:
    """A child process of the supervisor. `log` None shows its output; `probe` is a path that answers once ready."""

    name: str
    command: tuple[str, ...]
    ports: tuple[Port, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    log: Path | None = None
    probe: str = ""
    patience: float = 5.0


def azurite_service(settings: Mapping[str, str], data: Path, script: Path) -> Service | None:
    """Azurite, where `LOCAL_SERVICES` lists it and an account is on this machine."""
    if not needs_azurite(settings):
        return None
    accounts = local_accounts(settings)
    by_service = zip(*(account.ports for account in accounts), strict=True)
    blob, queue = (next((port for port in ports if port), 0) for ports in by_service)
    where = " and ".join(name for name in STORAGE_SETTINGS if settings.get(name))
    return Service(
        "azurite",
        tuple(azurite.command(script, blob, queue, data / "azurite")),
        (Port(blob, "blobs", f"BlobEndpoint in {where}"), Port(queue, "queues", f"QueueEndpoint in {where}")),
        azurite.environment(accounts),
        data / "azurite.log",
    )


def event_hubs_service(settings: Mapping[str, str], data: Path) -> Service | None:
    """The Event Hubs peer, where `LOCAL_SERVICES` lists it and the hub is on this machine."""
    namespace = _event_hubs_namespace(settings)
    if namespace is None or not namespace.local or "eventhubs" not in listed(settings):
        return None
    app, port = Settings.from_env(settings), namespace.port or 5672
    spec = f"{namespace.hub or app.event_hub_name}:{app.partition_count}"
    if (group := app.event_hub_consumer_group) != "$Default":
        spec += f":{group}"
    # With an identity nobody has the key: it is one that nobody knows.
    key = {
        "EVENTHUB_KEY_NAME": namespace.key_name or "RootManageSharedAccessKey",
        "EVENTHUB_KEY": namespace.key or secrets.token_urlsafe(),
        "IDENTITY_HEADER": settings.get("IDENTITY_HEADER", ""),
    }
    return Service(
        "eventhubs",
        (
            *(sys.executable, "-m", "peers.eventhub", "--port", str(port)),
            *("--data", str(data / "eventhubs"), "--hub", spec),
        ),
        (Port(port, "AMQP", "Endpoint in EventHubs" if namespace.key else "EventHubs__fullyQualifiedNamespace"),),
        key,
        data / "eventhubs.log",
    )


CONTRACTS = {"azure_batch": ("batch", "BATCH"), "azure_ml": ("ml", "AML")}
"""By COMPUTE: how the service is listed, and what its settings begin with."""


def contract_service(settings: Mapping[str, str], data: Path) -> Service | None:
    """The contract server, where `LOCAL_SERVICES` lists what tasks run on, and that is on this machine."""
    name, prefix = CONTRACTS.get(settings.get("COMPUTE", "").strip(), ("", ""))
    address = urlsplit(settings.get(f"{prefix}_ENDPOINT", "").strip())
    if address.hostname not in LOOPBACK or name not in listed(settings):
        return None
    port = address.port or 443
    needed = {"COMPUTE", "IDENTITY_HEADER", *STORAGE_SETTINGS}
    return Service(
        name,
        (sys.executable, "-m", "peers.azure", "--port", str(port), "--data", str(data / "contract")),
        (Port(port, "HTTPS", f"{prefix}_ENDPOINT"),),
        {key: value for key, value in settings.items() if key in needed or key.startswith(f"{prefix}_")},
        data / f"{name}.log",
        patience=10.0,
    )


def host_service(settings: Mapping[str, str], root: Path, data: Path, file: Path | None) -> Service:
    """The Functions host, as a process of its own."""
    command = (sys.executable, "-m", "devhost", "host", "--root", str(root), "--data", str(data))
    return Service(
        "host",
        (*command, "--settings", str(file)) if file else command,
        (Port(host_port(settings), "HTTP", "HOST_PORT"),),
        probe="/admin/host/ping",
        patience=20.0,
    )


def host_port(settings: Mapping[str, str]) -> int:
    """The port of the Functions host."""
    return int(host_setting(settings, "HOST_PORT"))


def needs_azurite(settings: Mapping[str, str]) -> bool:
    """Whether the settings ask for an Azurite of ours."""
    return "azurite" in listed(settings) and bool(local_accounts(settings))


def listed(settings: Mapping[str, str]) -> tuple[str, ...]:
    """`LOCAL_SERVICES`; raises SettingsError for a service nobody knows."""
    return tuple(host_setting(settings, "LOCAL_SERVICES"))


def check_ports(services: Iterable[Service]) -> None:
    """Raises SettingsError naming the first port that is taken, its service and the setting to change."""
    wanted = [(service, port) for service in services for port in service.ports]
    seen: dict[int, str] = {}
    for service, port in wanted:
        if other := seen.get(port.number):
            raise SettingsError(f"{service.name} and {other} both want port {port.number}.", _advice(port))
        seen[port.number] = service.name
    for service, port in wanted:
        if not _free(port.number):
            raise SettingsError(f"Port {port.number} ({service.name}, {port.purpose}) is taken.", _advice(port))


def _free(number: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def _event_hubs_namespace(settings: Mapping[str, str]) -> Namespace | None:
    held = Connection.from_env("EventHubs", settings)
    if held.string:
        return parse_namespace("EventHubs", held.string)
    address = urlsplit(f"sb://{held.namespace or ''}")
    return Namespace(address.hostname, address.port) if address.hostname else None


def _advice(port: Port) -> str:
    return f"Stop what uses it, or change {port.setting}."
