"""Storage accounts as connection strings name them, so that Azurite's ports and keys have one source."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import SettingsError

DEVELOPMENT_STORAGE = "UseDevelopmentStorage=true"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account with its key and the addresses of its services, account name included."""

    name: str
    key: str
    blob: str
    queue: str

    @property
    def local(self) -> bool:
        """True where both services are on this machine."""
        return all(urlsplit(url).hostname in LOOPBACK for url in (self.blob, self.queue))

    @property
    def ports(self) -> tuple[int, int]:
        """Ports of the blob and the queue service."""
        blob, queue = (urlsplit(url).port or 80 for url in (self.blob, self.queue))
        return blob, queue

    @property
    def connection_string(self) -> str:
        """The string that the Azure SDKs read."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.name};AccountKey={self.key};"
            f"BlobEndpoint={self.blob};QueueEndpoint={self.queue};"
        )


def fields(connection_string: str) -> dict[str, str]:
    """`Name=value;Name=value` as a dict; values may hold equals signs."""
    pairs = (part.partition("=") for part in connection_string.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def parse_account(setting: str, connection_string: str) -> Account:
    """The account of a storage connection string; raises SettingsError naming `setting`."""
    parts = fields(connection_string)
    try:
        name, key = parts["AccountName"], parts["AccountKey"]
    except KeyError as error:
        raise SettingsError(f"{setting} is not a storage connection string: {error} is missing.") from error
    suffix = parts.get("EndpointSuffix", "core.windows.net")
    return Account(
        name,
        key,
        parts.get("BlobEndpoint", f"https://{name}.blob.{suffix}"),
        parts.get("QueueEndpoint", f"https://{name}.queue.{suffix}"),
    )
