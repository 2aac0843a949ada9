"""Styles: a network as ONNX, the painting it comes from, and how it was made; shipped with Tally or trained by you."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.bundles import registry
from shared.bundles.registry import Bundle, Kind, Registry
from shared.bundles.registry import Manifest as AnyManifest
from shared.errors import BundleError, InvalidInput
from shared.storage import BlobStore

FOLDER = "style"
NETWORK, PREVIEW = "network.onnx", "preview.jpg"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Manifest(AnyManifest, frozen=True, kw_only=True):
    """What a style says of itself."""

    name: str
    painting: dict[str, Any]  # title, artist, year, licence
    parameters: dict[str, Any]  # of the training, JSON
    metrics: dict[str, Any]


KIND = Kind("tally style 1", NETWORK, Manifest, "Train it again.")


def check_name(name: str) -> str:
    """The name; raises InvalidInput where it cannot be one."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot be the name of a style.", "Use lower-case letters, digits and '-'.")
    return name


def publish(bundles: BlobStore, name: str, network: bytes, **facts: dict[str, Any]) -> str:
    """Keep a style for all runs that start from now on; its version. Repeating it changes nothing.

    facts: painting, parameters and metrics.
    """
    styles = registry_of(bundles, name)
    version = styles.write(network, name=name, **facts)
    styles.make_current(version)
    return version


def read_style(name: str, shipped: Path, bundles: BlobStore | None) -> Bundle[Manifest]:
    """A style, checked: the one trained here, or else the one that ships.

    Raises InvalidInput where there is no such style, BundleError where it is damaged.
    """
    trained = registry_of(bundles, name) if bundles else None
    if trained and (version := trained.current()):
        bundle = trained.read(version)
    elif (shipped / check_name(name)).exists():
        bundle = KIND.read_folder(shipped / name)
    else:
        known = ", ".join(sorted(set(names(shipped, bundles))))
        raise InvalidInput(f"There is no style {name}.", f"There are: {known}. `tally train style` makes more.")
    if bundle.manifest.name != name:
        raise BundleError(f"Style {name} is named {bundle.manifest.name!r} in its manifest.", KIND.remedy)
    return bundle


def names(shipped: Path, bundles: BlobStore | None) -> Iterator[str]:
    """The styles there are: those that ship, then those trained here."""
    yield from (path.parent.name for path in sorted(shipped.glob(f"*/{registry.MANIFEST}")))
    if bundles:
        yield from registry.names(bundles, FOLDER)


def registry_of(bundles: BlobStore, name: str) -> Registry[Manifest]:
    """The trained versions of a style. Raises InvalidInput for what cannot be a name."""
    return Registry(bundles, f"{FOLDER}/{check_name(name)}", KIND)
