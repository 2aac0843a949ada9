"""Storage accounts as connection strings name them: the one reader of those for the app, the host and its tasks."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.errors import SettingsError
from shared.settings.rules import is_address

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
DEVELOPMENT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What Azurite and its predecessors publish for everybody:
https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
"""
COPY = (
    "Copy it whole from the storage account in the portal (Access keys): DefaultEndpointsProtocol=https;AccountName=..."
)


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account: its name, where it says so, its key or SAS, and the addresses of its services, '' for none."""

    name: str
    key: str = field(repr=False)
    blob: str
    queue: str
    sas: str = field(default="", repr=False)

    @property
    def local(self) -> bool:
        """True where its services are on this machine."""
        return all(urlsplit(url).hostname in LOOPBACK for url in (self.blob, self.queue) if url)

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """Ports of the blob and the queue service, None for a service without an address."""
        blob, queue = (urlsplit(url).port or 80 if url else None for url in (self.blob, self.queue))
        return blob, queue

    @property
    def connection_string(self) -> str:
        """The string that the Azure SDKs read, with every address in it."""
        secret = f"AccountName={self.name};AccountKey={self.key}" if self.key else f"SharedAccessSignature={self.sas}"
        places = (("BlobEndpoint", self.blob), ("QueueEndpoint", self.queue))
        return ";".join([secret, *(f"{name}={url}" for name, url in places if url), ""])


def string_parts(text: str) -> dict[str, str]:
    """`Name=value;Name=value` by names in small letters; what copying adds (quotes, blanks, line ends) goes.

    Raises ValueError for a part that has no name.
    """
    bare = "".join(text.split()).strip("\"'")
    pairs = [part.partition("=") for part in bare.split(";") if part]
    if not all(name and mark for name, mark, _ in pairs):
        raise ValueError("It is no connection string: that has the form Name=value;Name=value.")
    return {name.lower(): value for name, _, value in pairs}


def parse_account(setting: str, connection_string: str) -> Account:
    """The account of a storage connection string; raises SettingsError naming `setting`, never its value.

    https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    """
    try:
        parts = string_parts(connection_string)
        return _development(parts) or _account(parts)
    except ValueError as error:
        raise SettingsError(f"{setting} is not a storage connection string. {error}", COPY) from None


def _development(parts: dict[str, str]) -> Account | None:
    if parts.get("usedevelopmentstorage", "").lower() != "true":
        return None
    proxy = parts.get("developmentstorageproxyuri", "http://127.0.0.1").rstrip("/")
    if not is_address(proxy, "http", "https"):
        raise ValueError("DevelopmentStorageProxyUri is no address.")
    host = proxy.removesuffix(f":{urlsplit(proxy).port}")
    return Account(DEVELOPMENT, DEVELOPMENT_KEY, f"{host}:10000/{DEVELOPMENT}", f"{host}:10001/{DEVELOPMENT}")


def _account(parts: dict[str, str]) -> Account:
    if "endpoint" in parts or "hostname" in parts:
        raise ValueError("It is the connection string of Event Hubs or another service.")
    if not parts.get("accountname") and not parts.get("blobendpoint"):
        raise ValueError("AccountName and BlobEndpoint are missing; it has one of them.")
    key, sas = parts.get("accountkey", ""), parts.get("sharedaccesssignature", "").removeprefix("?")
    blob = _endpoint("blob", parts)
    name = parts.get("accountname") or name_in(blob)
    if not key and not sas:
        raise ValueError("AccountKey and SharedAccessSignature are missing; it has one of them.")
    if key and not name:
        raise ValueError("AccountName is missing; an AccountKey needs it.")
    if not key and "sig=" not in sas:
        raise ValueError("Its SharedAccessSignature has no signature (sig=); it was cut off.")
    return Account(name, key, blob, _endpoint("queue", parts), "" if key else sas)


def _endpoint(service: str, parts: dict[str, str]) -> str:
    """The address of a service, without the slash at its end; '' where the string gives none."""
    if text := parts.get(f"{service}endpoint", "").rstrip("/"):
        if not is_address(text, "http", "https"):
            raise ValueError(f"Its {service.title()}Endpoint is no address.")
        return text
    protocol = parts.get("defaultendpointsprotocol", "https").lower()
    if not parts.get("accountname") or _is_emulator(parts.get("blobendpoint", "")):
        return ""
    if protocol != "https":
        raise ValueError(f"Its DefaultEndpointsProtocol is {protocol[:10]!r}; Azure's own addresses take https alone.")
    suffix = parts.get("endpointsuffix", "").strip("/.") or "core.windows.net"
    address = f"https://{parts['accountname']}.{service}.{suffix}"
    if not is_address(address, "https") or urlsplit(address).path:
        raise ValueError("Its AccountName or EndpointSuffix cannot be part of an address.")
    return address


def _is_emulator(blob: str) -> bool:
    """Whether an address of blobs is none of Azure's, which are https without a path; its queues are not there then."""
    parts = urlsplit(blob)
    return parts.scheme.lower() == "http" or bool(parts.path.strip("/"))


def name_in(address: str) -> str:
    """The account's name in an address of its blobs; '' for a custom domain, which does not tell."""
    parts = urlsplit(address)
    if parts.hostname in LOOPBACK:
        return parts.path.strip("/")
    name = re.match(r"([a-z0-9]{3,24})(?:-secondary)?(?:\.z[0-9]+)?\.blob\.", parts.hostname or "")
    return name[1] if name else ""
