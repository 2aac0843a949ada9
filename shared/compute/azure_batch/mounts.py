"""File systems that a pool's nodes mount, as the management plane is told of them.

Tasks find each under $AZ_BATCH_NODE_MOUNTS_DIR by its name.
"""

from typing import Any

from shared.errors import SettingsError
from shared.settings import Settings
from shared.settings.mounts import Mount, MountKind, read_mounts

type Body = dict[str, Any]


def mounts(settings: Settings, files_key: str = "") -> list[Body]:
    """The mounts of the settings; raises SettingsError. SMB shares need `files_key`: they know no other way."""
    return [_described(mount, settings.batch_identity, files_key) for mount in read_mounts(settings.batch_mounts)]


def _described(mount: Mount, identity: str, files_key: str) -> Body:
    match mount.kind:
        case MountKind.NFS:
            return {"nfsMountConfiguration": _nfs(mount)}
        case MountKind.CONTAINER:
            return {"azureBlobFileSystemConfiguration": _container(mount, identity)}
        case MountKind.SHARE:
            return {"azureFileShareConfiguration": _share(mount, files_key)}


def _nfs(mount: Mount) -> Body:
    options = "-o vers=4,minorversion=1,sec=sys"  # as shares of Azure Files want it
    return {"source": f"{mount.host}:/{mount.path}", "relativeMountPath": mount.name, "mountOptions": options}


def _container(mount: Mount, identity: str) -> Body:
    place = {"accountName": mount.account, "containerName": mount.path, "relativeMountPath": mount.name}
    return place | {"identityReference": {"resourceId": identity}}


def _share(mount: Mount, key: str) -> Body:
    if not key:
        hint = "Set AZURE_FILES_KEY where the pool is printed, or mount the share by NFS, which needs no key."
        raise SettingsError(f"The share {mount.url} is mounted with its account's key.", hint)
    options = "-o vers=3.0,dir_mode=0777,file_mode=0777,sec=ntlmssp"
    place = {"accountName": mount.account, "azureFileUrl": mount.url, "accountKey": key}
    return place | {"relativeMountPath": mount.name, "mountOptions": options}
