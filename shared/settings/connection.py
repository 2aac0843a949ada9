"""How to reach a service: a connection string, or addresses that are used with an identity."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.errors import SettingsError, shown
from shared.settings.event_hub_string import parse_namespace
from shared.settings.rules import is_address
from shared.settings.storage_account import COPY, parse_account


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a service: a connection string, or (without keys) the addresses used with an identity."""

    name: str
    string: str | None = field(default=None, repr=False)
    blob_uri: str | None = None
    queue_uri: str | None = None
    namespace: str | None = None

    @classmethod
    def from_env(cls, name: str, env: Mapping[str, str]) -> "Connection":
        """Read `NAME`, or `NAME__blobServiceUri`, `__queueServiceUri`, `__fullyQualifiedNamespace`, as they stand."""
        held = [env.get(f"{name}{part}", "").strip() or None for part in ("", *PARTS)]
        return cls(name, *held)

    @property
    def is_set(self) -> bool:
        """Whether there is anything to reach the service by."""
        return bool(self.string or self.blob_uri or self.queue_uri or self.namespace)


PARTS = ("__blobServiceUri", "__queueServiceUri", "__fullyQualifiedNamespace")


def read_connection(name: str, env: Mapping[str, str]) -> Connection:
    """The connection of a setting of the app, its string as the SDKs take it; raises SettingsError."""
    held = Connection.from_env(name, env)
    return storage_connection(held) if name.endswith("Storage") else hub_connection(held)


def storage_connection(held: Connection) -> Connection:
    """A connection to a storage account, checked; raises SettingsError."""
    for part, address in (("__blobServiceUri", held.blob_uri), ("__queueServiceUri", held.queue_uri)):
        if address and not is_address(address, "https"):
            raise SettingsError(
                f"{held.name}{part} is {shown(address)}, which is no address.",
                "It begins with https://.",
            )
    if not held.string:
        return replace(held, blob_uri=_bare(held.blob_uri), queue_uri=_bare(held.queue_uri))
    if is_address(held.string, "https"):
        raise SettingsError(
            f"{held.name} is an address, not a connection string.", f"For an identity, set {held.name}__blobServiceUri."
        )
    account = parse_account(held.name, held.string)
    if account.key and not _is_base64(account.key):
        raise SettingsError(f"{held.name} is not a storage connection string. Its AccountKey was cut off.", COPY)
    return replace(held, string=account.connection_string)


def hub_connection(held: Connection) -> Connection:
    """A connection to Event Hubs, checked; raises SettingsError."""
    if held.namespace and not re.fullmatch(r"[A-Za-z0-9.-]+|(127\.0\.0\.1|localhost):[0-9]+", held.namespace):
        raise SettingsError(
            f"{held.name}__fullyQualifiedNamespace is {shown(held.namespace)}, which is no host.",
            "It is NAMESPACE.servicebus.windows.net, without sb://.",
        )
    if not held.string:
        return held
    return replace(held, string=parse_namespace(held.name, held.string).connection_string)


def _bare(address: str | None) -> str | None:
    return address.rstrip("/") if address else None


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False
