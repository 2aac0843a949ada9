"""Bundles: versioned, checksummed sets of models in Blob Storage, one of which is current by a single write.

A bundle is `anomaly/{version}/models.safetensors` (https://github.com/huggingface/safetensors: a JSON header and flat
arrays, nothing that is executed) and, written last, `anomaly/{version}/manifest.json`. The version is a hash of the
manifest, which holds the hash of the models: the same training data and parameters give the same version, and a
version stands for certain bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from shared.errors import BundleError
from shared.storage import BlobStore

if TYPE_CHECKING:  # who only asks for versions and manifests need not have numpy
    from shared.models.one_class_svm import PackedModels

FORMAT = "tally anomaly bundle 1"
FOLDER = "anomaly"
CURRENT = f"{FOLDER}/current.json"
RESTORE = "Train again, or make another version current."


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle says of itself; features, parameters and metrics are JSON as the training gave them."""

    format: str
    sha256: str  # of models.safetensors
    size: int  # of models.safetensors, in bytes
    series: int  # how many have a model
    data_span: tuple[datetime, datetime]
    features: dict[str, Any]
    parameters: dict[str, Any]
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read and found whole."""

    version: str
    manifest: Manifest
    models: "PackedModels"


class _Pointer(msgspec.Struct, frozen=True):
    version: str


def write_bundle(
    store: BlobStore,
    models: "PackedModels",
    *,
    features: dict[str, Any],
    parameters: dict[str, Any],
    metrics: dict[str, Any],
    data_span: tuple[datetime, datetime],
) -> str:
    """Write the models and their manifest, and return the version; safe to repeat, and nothing becomes current."""
    from shared.models import archive

    data = archive.to_bytes(models)
    manifest = Manifest(
        format=FORMAT,
        sha256=sha256(data).hexdigest(),
        size=len(data),
        series=len(models),
        data_span=data_span,
        features=features,
        parameters=parameters,
        metrics=metrics,
    )
    text = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"))
    version = _version(text)
    store.put(_name(version, "models.safetensors"), data)
    store.put(_name(version, "manifest.json"), text)
    return version


def read_manifest(store: BlobStore, version: str) -> Manifest:
    """What the bundle says of itself. Raises BundleError where it is missing, damaged or of another kind."""
    text = _read(store, version, "manifest.json")
    if _version(text) != version:
        raise BundleError(f"The manifest of bundle {version} was changed since it was written.", RESTORE)
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"Bundle {version} has no manifest that can be read: {error}.", RESTORE) from error
    if manifest.format != FORMAT:
        raise BundleError(f'Bundle {version} is a "{manifest.format}", not a "{FORMAT}".', "Train again.")
    return manifest


def read_bundle(store: BlobStore, version: str) -> Bundle:
    """Read and check the bundle; its arrays are views of the bytes read.

    Raises BundleError where it is missing, damaged, or not what its manifest says.
    """
    from shared.models import archive

    manifest = read_manifest(store, version)
    data = _read(store, version, "models.safetensors")
    if len(data) != manifest.size:
        raise BundleError(f"Bundle {version} has {len(data)} of {manifest.size} bytes.", RESTORE)
    if sha256(data).hexdigest() != manifest.sha256:
        raise BundleError(f"The models of bundle {version} were changed since they were written.", RESTORE)
    models = archive.from_bytes(data)
    if len(models) != manifest.series:
        raise BundleError(f"Bundle {version} has {len(models)} of {manifest.series} models.", RESTORE)
    return Bundle(version, manifest, models)


def make_current(store: BlobStore, version: str) -> None:
    """Let everything that starts from now on use this version. Raises BundleError where there is no such bundle."""
    read_manifest(store, version)
    store.put(CURRENT, msgspec.json.encode(_Pointer(version)))


def current_version(store: BlobStore) -> str | None:
    """The version made current last, None before any was. Raises BundleError where the pointer is damaged."""
    blob = store.get(CURRENT)
    if blob is None:
        return None
    try:
        return msgspec.json.decode(blob.data, type=_Pointer).version
    except msgspec.DecodeError as error:
        raise BundleError(f"{CURRENT} cannot be read: {error}.", RESTORE) from error


def versions(store: BlobStore) -> list[str]:
    """All versions that were written whole, in no particular order."""
    names = (blob.name.split("/") for blob in store.list(f"{FOLDER}/"))
    return [parts[1] for parts in names if len(parts) == 3 and parts[2] == "manifest.json"]


def _version(manifest: bytes) -> str:
    return sha256(manifest).hexdigest()[:16]


def _name(version: str, part: str) -> str:
    return f"{FOLDER}/{version}/{part}"


def _read(store: BlobStore, version: str, part: str) -> bytes:
    blob = store.get(_name(version, part))
    if blob is None:
        raise BundleError(f"Bundle {version} has no {part}.", RESTORE)
    return blob.data
