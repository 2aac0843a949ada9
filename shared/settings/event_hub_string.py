"""Connection strings of Event Hubs: the one reader of those for the app and the host."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.errors import SettingsError
from shared.settings.rules import is_address
from shared.settings.storage_account import LOOPBACK, string_parts

COPY = "Copy it whole from the namespace in the portal (Shared access policies): Endpoint=sb://..."


@dataclass(frozen=True, slots=True)
class Namespace:
    """An Event Hubs namespace as a connection string names it; `hub` is the one it is for, '' for any."""

    host: str
    port: int | None
    key_name: str = ""
    key: str = field(default="", repr=False)
    sas: str = field(default="", repr=False)
    hub: str = ""
    emulator: bool = False

    @property
    def local(self) -> bool:
        """True where it is on this machine."""
        return self.host in LOOPBACK

    @property
    def connection_string(self) -> str:
        """The string as the Azure SDKs read it: they know its names, and `true`, in one spelling only."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        parts = {
            "Endpoint": f"sb://{host}{f':{self.port}' if self.port else ''}",
            "SharedAccessKeyName": self.key_name,
            "SharedAccessKey": self.key,
            "SharedAccessSignature": self.sas,
            "EntityPath": self.hub,
            "UseDevelopmentEmulator": "true" if self.emulator else "",
        }
        return "".join(f"{name}={value};" for name, value in parts.items() if value)


def parse_namespace(setting: str, connection_string: str) -> Namespace:
    """The namespace of an Event Hubs connection string; raises SettingsError naming `setting`, never its value."""
    try:
        return _namespace(string_parts(connection_string))
    except ValueError as error:
        raise SettingsError(f"{setting} is not an Event Hubs connection string. {error}", COPY) from None


def _namespace(parts: dict[str, str]) -> Namespace:
    if parts.keys() & {"accountname", "blobendpoint", "usedevelopmentstorage"}:
        raise ValueError("It is the connection string of a storage account.")
    if "hostname" in parts:
        raise ValueError("It is an IoT hub's; the one of its built-in endpoint is meant.")
    endpoint = parts.get("endpoint", "").rstrip("/")
    if not is_address(endpoint, "sb", "amqps", "https"):
        raise ValueError("It has no Endpoint of the form sb://NAMESPACE.servicebus.windows.net/.")
    key_name, key = parts.get("sharedaccesskeyname", ""), parts.get("sharedaccesskey", "")
    sas = parts.get("sharedaccesssignature", "")
    if not (key_name and key) and not sas:
        raise ValueError("SharedAccessKeyName or SharedAccessKey is missing.")
    at = urlsplit(endpoint)
    emulator = parts.get("usedevelopmentemulator", "").lower() == "true"
    return Namespace(
        at.hostname or "", at.port, key_name, key, "" if key else sas, parts.get("entitypath", ""), emulator
    )
