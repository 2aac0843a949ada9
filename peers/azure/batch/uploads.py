"""Output files: what a task left is put into blob containers, as Batch does after a task."""

import os
from collections.abc import Mapping
from pathlib import Path

from peers.azure.batch.state import Body
from shared.settings.storage_account import parse_account

MAX_MATCHES = 10_000


class UploadFailed(Exception):
    """An output file could not be put where it belongs."""


def upload(files: list[Body], working: Path, condition: str, identity: Mapping[str, str]) -> None:
    """Upload the files of a task that ended under `condition`; raises UploadFailed."""
    for file in files:
        wanted = file["uploadOptions"]["uploadCondition"]
        if wanted.lower() in ("taskcompletion", condition):
            _upload(file, working, identity)


def _upload(file: Body, working: Path, identity: Mapping[str, str]) -> None:
    from azure.core.exceptions import AzureError, ResourceExistsError
    from azure.storage.blob import ContainerClient

    destination = file["destination"]["container"]
    url = destination["containerUrl"]
    if "identityReference" not in destination and "?" not in url:
        raise UploadFailed(f"{url} has neither a signature nor an identity.")
    account, _, name = url.partition("?")[0].rpartition("/")
    for path, blob in _matches(file["filePattern"], destination.get("path", ""), working):
        try:
            with ContainerClient.from_connection_string(_connection(account, identity), name) as container:
                try:
                    container.create_container()
                except ResourceExistsError:
                    pass
                container.upload_blob(blob, path.read_bytes(), overwrite=True)
        except AzureError as error:
            raise UploadFailed(f"{blob}: {error}") from error


def _matches(pattern: str, place: str, working: Path) -> list[tuple[Path, str]]:
    """The files of a pattern, with the blobs they become: a pattern with a wildcard names a folder of blobs."""
    clean = os.path.normpath(pattern)
    if "*" not in clean:
        path = working / clean
        return [(path, place or path.name)] if path.is_file() else []
    base = working
    while clean.startswith("../"):
        base, clean = base.parent, clean[3:]
    found = [path for path in sorted(base.glob(clean)) if path.is_file()][:MAX_MATCHES]
    return [(path, f"{place}/{path.name}".strip("/")) for path in found]


def _connection(account: str, identity: Mapping[str, str]) -> str:
    """The connection string whose blob endpoint this is: what stands for the node's identity here."""
    for name, text in identity.items():
        if parse_account(name, text).blob == account.rstrip("/"):
            return text
    raise UploadFailed(f"The nodes have no access to {account}.")
