"""File systems that a pool's nodes mount: BATCH_MOUNTS, as the management plane is told of them.

Tasks find each under $AZ_BATCH_NODE_MOUNTS_DIR by its name.
"""

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from shared.errors import SettingsError, shown
from shared.settings import Settings

type Body = dict[str, Any]
MOST = 10
"""Mounts of a node: Batch takes no more."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
KINDS = (
    "A mount is NAME=https://ACCOUNT.blob.core.windows.net/CONTAINER (by the nodes' identity), NAME=nfs://HOST/PATH "
    "or NAME=https://ACCOUNT.file.core.windows.net/SHARE (by the account's key)."
)


def mounts(settings: Settings, files_key: str = "") -> list[Body]:
    """The mounts of the settings; raises SettingsError. SMB shares need `files_key`: they know no other way."""
    parts = [part.strip().partition("=") for part in settings.batch_mounts.split(",") if part.strip()]
    if len(parts) > MOST or len({name for name, _, _ in parts}) < len(parts):
        raise SettingsError(
            f"BATCH_MOUNTS has {len(parts)} mounts.", f"It takes up to {MOST}, each under its own name."
        )
    return [_mount(settings, name, urlsplit(address), files_key) for name, _, address in parts]


def _mount(settings: Settings, name: str, address: SplitResult, files_key: str) -> Body:
    account, _, service = address.netloc.partition(".")
    path = address.path.strip("/")
    if not _NAME.fullmatch(name) or not address.netloc or not path:
        raise SettingsError(f"BATCH_MOUNTS has {shown(f'{name}={address.geturl()}')}.", KINDS)
    if address.scheme == "nfs":
        return {"nfsMountConfiguration": _nfs(name, address.netloc, path)}
    if address.scheme == "https" and service.startswith("blob.") and "/" not in path:
        place = {"accountName": account, "containerName": path, "relativeMountPath": name}
        return {
            "azureBlobFileSystemConfiguration": place | {"identityReference": {"resourceId": settings.batch_identity}}
        }
    if address.scheme == "https" and service.startswith("file."):
        return {"azureFileShareConfiguration": _share(name, account, address.geturl(), files_key)}
    raise SettingsError(f"BATCH_MOUNTS has {shown(f'{name}={address.geturl()}')}.", KINDS)


def _nfs(name: str, host: str, path: str) -> Body:
    options = "-o vers=4,minorversion=1,sec=sys"  # as shares of Azure Files want it
    return {"source": f"{host}:/{path}", "relativeMountPath": name, "mountOptions": options}


def _share(name: str, account: str, url: str, key: str) -> Body:
    if not key:
        hint = "Set AZURE_FILES_KEY where the pool is printed, or mount the share by NFS, which needs no key."
        raise SettingsError(f"The share {url} is mounted with its account's key.", hint)
    options = "-o vers=3.0,dir_mode=0777,file_mode=0777,sec=ntlmssp"
    place = {"accountName": account, "azureFileUrl": url, "accountKey": key}
    return place | {"relativeMountPath": name, "mountOptions": options}
