"""File systems that a pool's nodes mount, as BATCH_MOUNTS lists them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from shared.errors import SettingsError, shown

MOST = 10
"""Mounts of a node: Batch takes no more."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
FORMS = (
    "A mount is NAME=https://ACCOUNT.blob.core.windows.net/CONTAINER (by the nodes' identity), NAME=nfs://HOST/PATH "
    "or NAME=https://ACCOUNT.file.core.windows.net/SHARE (by the account's key)."
)


class MountKind(StrEnum):
    """What is mounted."""

    CONTAINER = "blob"
    NFS = "nfs"
    SHARE = "file"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system, and the name under which tasks find it; host and path are those of `url`, which is as written."""

    name: str
    kind: MountKind
    host: str
    path: str
    url: str

    @property
    def account(self) -> str:
        """The storage account in the host's name."""
        return self.host.partition(".")[0]


def read_mounts(text: str) -> list[Mount]:
    """The mounts that a value of BATCH_MOUNTS lists; raises SettingsError."""
    parts = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    if len(parts) > MOST or len({name for name, _, _ in parts}) < len(parts):
        raise SettingsError(
            f"BATCH_MOUNTS has {len(parts)} mounts.", f"It takes up to {MOST}, each under its own name."
        )
    return [_mount(name, urlsplit(address)) for name, _, address in parts]


def _mount(name: str, address: SplitResult) -> Mount:
    path, kind = address.path.strip("/"), _kind(address)
    if not _NAME.fullmatch(name) or not address.netloc or not path or kind is None:
        raise SettingsError(f"BATCH_MOUNTS has {shown(f'{name}={address.geturl()}')}.", FORMS)
    return Mount(name, kind, address.netloc, path, address.geturl())


def _kind(address: SplitResult) -> MountKind | None:
    service = address.netloc.partition(".")[2]
    if address.scheme == "nfs":
        return MountKind.NFS
    if address.scheme == "https" and service.startswith("blob.") and "/" not in address.path.strip("/"):
        return MountKind.CONTAINER
    if address.scheme == "https" and service.startswith("file."):
        return MountKind.SHARE
    return None
