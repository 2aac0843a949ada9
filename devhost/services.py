"""Which local services the settings ask for, and how each is started: connection strings decide on ports."""

import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from devhost import azurite
from devhost.accounts import LOOPBACK, Account, fields, parse_account
from devhost.app_settings import names, whole_number
from devhost.connections import HOST_STORAGE, storage_string
from shared.errors import SettingsError
from shared.settings import Connection

STORAGE_SETTINGS = ("DataStorage", "ControlStorage", HOST_STORAGE)
DEFAULT_SERVICES = "azurite,eventhubs,batch,ml"


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


def local_accounts(settings: Mapping[str, str]) -> list[Account]:
    """The storage accounts on this machine; raises SettingsError where they cannot be one Azurite."""
    found: dict[str, Account] = {}
    for setting in STORAGE_SETTINGS:
        if not Connection.from_env(setting, settings).string:
            continue
        account = parse_account(setting, storage_string(settings, setting) or "")
        if not account.local:
            continue
        first = found.setdefault(account.name, account)
        if (first.key, account.ports) != (account.key, next(iter(found.values())).ports):
            raise SettingsError(
                f"{setting} does not fit the other storage settings.",
                "Azurite has one port for blobs and one for queues, and one key per account.",
            )
    return list(found.values())


def azurite_service(settings: Mapping[str, str], data: Path, script: Path) -> Service | None:
    """Azurite, where `LOCAL_SERVICES` lists it and an account is on this machine."""
    accounts = local_accounts(settings)
    if not accounts or "azurite" not in listed(settings):
        return None
    blob, queue = accounts[0].ports
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
    parts = fields(settings.get("EventHubs", ""))
    address = urlsplit(parts.get("Endpoint", ""))
    if address.hostname not in LOOPBACK or "eventhubs" not in listed(settings):
        return None
    port = address.port or 5672
    hub = parts.get("EntityPath") or settings.get("EVENT_HUB_NAME", "readings")
    spec = f"{hub}:{whole_number(settings, 'PARTITION_COUNT', 4)}"
    if (group := settings.get("EVENT_HUB_CONSUMER_GROUP", "$Default")) != "$Default":
        spec += f":{group}"
    key = {
        "EVENTHUB_KEY_NAME": parts.get("SharedAccessKeyName", ""),
        "EVENTHUB_KEY": parts.get("SharedAccessKey", ""),
    }
    return Service(
        "eventhubs",
        (
            *(sys.executable, "-m", "devhost.eventhub", "--port", str(port)),
            *("--data", str(data / "eventhubs"), "--hub", spec),
        ),
        (Port(port, "AMQP", "Endpoint in EventHubs"),),
        key,
        data / "eventhubs.log",
    )


CONTRACTS = {"azure_batch": ("batch", "BATCH"), "azure_ml": ("ml", "AML")}
"""By COMPUTE: how the service is listed, and what its settings begin with."""


def contract_service(settings: Mapping[str, str], data: Path) -> Service | None:
    """The contract server, where `LOCAL_SERVICES` lists what tasks run on, and that is on this machine."""
    name, prefix = CONTRACTS.get(settings.get("COMPUTE", ""), ("", ""))
    address = urlsplit(settings.get(f"{prefix}_ENDPOINT", ""))
    if address.hostname not in LOOPBACK or name not in listed(settings):
        return None
    port = address.port or 443
    needed = {"COMPUTE", "IDENTITY_HEADER", *STORAGE_SETTINGS}
    return Service(
        name,
        (sys.executable, "-m", "devhost.contract", "--port", str(port), "--data", str(data / "contract")),
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
    return whole_number(settings, "HOST_PORT", 7071)


def needs_azurite(settings: Mapping[str, str]) -> bool:
    """Whether the settings ask for an Azurite of ours."""
    return bool(local_accounts(settings)) and "azurite" in listed(settings)


def listed(settings: Mapping[str, str]) -> tuple[str, ...]:
    """`LOCAL_SERVICES`; raises SettingsError for a service nobody knows."""
    chosen = names(settings, "LOCAL_SERVICES", DEFAULT_SERVICES)
    if unknown := set(chosen) - set(DEFAULT_SERVICES.split(",")):
        raise SettingsError(f"LOCAL_SERVICES lists {', '.join(sorted(unknown))}; known are {DEFAULT_SERVICES}.")
    return chosen


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


def _advice(port: Port) -> str:
    return f"Stop what uses it, or change {port.setting}."
