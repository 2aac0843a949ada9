"""Styles: a network as ONNX, the painting it comes from, and how it was made; shipped with Tally or trained by you.

A trained style is `style/{name}/{version}/network.onnx` and `manifest.json` in the container `bundles`, and becomes the
one in use by a single write of `style/{name}/current.json`. A shipped one is a folder of the same files.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import BundleError, InvalidInput
from shared.storage import BlobStore

FORMAT = "tally style 1"
FOLDER = "style"
NETWORK, MANIFEST, PREVIEW = "network.onnx", "manifest.json", "preview.jpg"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a style says of itself."""

    format: str
    name: str
    sha256: str  # of network.onnx
    size: int  # of network.onnx, in bytes
    painting: dict[str, Any]  # title, artist, year, licence
    parameters: dict[str, Any]  # of the training, JSON
    metrics: dict[str, Any]

    @property
    def version(self) -> str:
        """A hash of the manifest, which holds the network's: a version stands for certain bytes."""
        return sha256(encode(self)).hexdigest()[:16]


class _Pointer(msgspec.Struct, frozen=True):
    version: str


def encode(manifest: Manifest) -> bytes:
    """The manifest as JSON; the same manifest, the same bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"))


def check_name(name: str) -> str:
    """The name; raises InvalidInput where it cannot be one."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot be the name of a style.", "Use lower-case letters, digits and '-'.")
    return name


def describe(name: str, network: bytes, **facts: Mapping[str, Any]) -> Manifest:
    """The manifest of a network: `painting`, `parameters` and `metrics` as given. Raises InvalidInput for the name."""
    digest = sha256(network).hexdigest()
    said = {kind: dict(facts.get(kind, {})) for kind in ("painting", "parameters", "metrics")}
    return Manifest(format=FORMAT, name=check_name(name), sha256=digest, size=len(network), **said)


def write_style(folder: Path, network: bytes, manifest: Manifest) -> None:
    """Write a style as a folder; the manifest last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NETWORK).write_bytes(network)
    (folder / MANIFEST).write_bytes(encode(manifest))


def publish(bundles: BlobStore, network: bytes, manifest: Manifest) -> str:
    """Keep a style for all runs that start from now on; its version. Repeating it changes nothing."""
    place = f"{FOLDER}/{check_name(manifest.name)}"
    bundles.put(f"{place}/{manifest.version}/{NETWORK}", network)
    bundles.put(f"{place}/{manifest.version}/{MANIFEST}", encode(manifest))
    bundles.put(f"{place}/current.json", msgspec.json.encode(_Pointer(manifest.version)))
    return manifest.version


def read_style(name: str, shipped: Path, bundles: BlobStore | None) -> tuple[Manifest, bytes]:
    """A style and its network, checked: the one trained here, or else the one that ships.

    Raises InvalidInput where there is no such style, BundleError where it is damaged.
    """
    check_name(name)
    pointer = bundles.get(f"{FOLDER}/{name}/current.json") if bundles else None
    if bundles and pointer:
        version = msgspec.json.decode(pointer.data, type=_Pointer).version
        parts = (bundles.get(f"{FOLDER}/{name}/{version}/{part}") for part in (MANIFEST, NETWORK))
        manifest, network = (blob.data if blob else b"" for blob in parts)
    elif (shipped / name / MANIFEST).exists():
        manifest, network = ((shipped / name / part).read_bytes() for part in (MANIFEST, NETWORK))
    else:
        known = ", ".join(sorted(set(names(shipped, bundles))))
        raise InvalidInput(f"There is no style {name}.", f"There are: {known}. `tally train style` makes more.")
    return _checked(name, manifest, network), network


def names(shipped: Path, bundles: BlobStore | None) -> Iterator[str]:
    """The styles there are: those that ship, then those trained here."""
    yield from (path.parent.name for path in sorted(shipped.glob(f"*/{MANIFEST}")))
    if bundles:
        found = (info.name.split("/") for info in bundles.list(f"{FOLDER}/"))
        yield from (parts[1] for parts in found if parts[2:] == ["current.json"])


def _checked(name: str, text: bytes, network: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"Style {name} has no manifest that can be read: {error}.", "Train it again.") from error
    if (manifest.format, manifest.name) != (FORMAT, name):
        raise BundleError(f'Style {name} is a "{manifest.format}" named {manifest.name!r}.', "Train it again.")
    if (len(network), sha256(network).hexdigest()) != (manifest.size, manifest.sha256):
        raise BundleError(f"The network of style {name} is not the one its manifest names.", "Train it again.")
    return manifest
