"""Bundles of FAQs: entries and classifiers in one safetensors file; the ranking and its figures in the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.bundles.arrays import arrays_of
from shared.bundles.registry import Bundle as AnyBundle
from shared.bundles.registry import Kind, Registry
from shared.bundles.registry import Manifest as AnyManifest
from shared.errors import BundleError, InvalidInput
from shared.faq_matching.entries import Entry
from shared.faq_matching.matcher import Matcher
from shared.faq_matching.part import Part
from shared.faq_matching.ranking import Ranking
from shared.faq_matching.sparse import Vector
from shared.faq_matching.teaching import Classifier
from shared.storage import BlobStore

FOLDER = "faq"
DEFAULT = Path(__file__).parent / "default"  # the FAQ that ships
_KINDS = {"entries": "U8", "features": "I32", "weights": "F32", "counts": "I32"}


class Manifest(AnyManifest, frozen=True, kw_only=True):
    """What a bundle says of itself."""

    entries: int
    rephrasings: int
    ranking: Ranking
    metrics: dict[str, Any]


KIND = Kind("tally faq 1", "faq.safetensors", Manifest, "Train again: `tally train faq FILE`.")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read and found whole."""

    version: str
    manifest: Manifest
    matcher: Matcher


def registry(store: BlobStore) -> Registry[Manifest]:
    """The bundles in the container."""
    return Registry(store, FOLDER, KIND, DEFAULT)


def publish(store: BlobStore, matcher: Matcher, metrics: dict[str, Any]) -> str:
    """Keep a matcher as trained, and answer with it from now on; its version. Repeating it changes nothing."""
    bundles = registry(store)
    version = bundles.write(to_bytes(matcher), **_facts(matcher, metrics))
    bundles.make_current(version)
    return version


def write_folder(folder: Path, matcher: Matcher, metrics: dict[str, Any]) -> str:
    """Write a matcher as trained into a folder; its version."""
    return KIND.write_folder(folder, to_bytes(matcher), **_facts(matcher, metrics))


def read(store: BlobStore | None) -> Bundle:
    """The current bundle, or else the FAQ that ships. Raises BundleError where it is missing or damaged."""
    return opened(registry(store).current_bundle() if store else KIND.read_folder(DEFAULT))


def read_folder(folder: Path) -> Bundle:
    """The bundle in a folder. Raises BundleError where it is missing or damaged."""
    return opened(KIND.read_folder(folder))


def to_bytes(matcher: Matcher) -> bytes:
    """Entries and classifiers as a file, without what changed since the training; the same give the same bytes.

    Raises InvalidInput for entries that could not be read again.
    """
    from safetensors.numpy import save

    part = matcher.base.part
    entries = msgspec.json.encode(part.entries)
    try:
        msgspec.json.decode(entries, type=tuple[Entry, ...])
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The FAQ cannot be kept: {error}.", "Shorten it, or leave phrasings out.") from error
    return save(
        {
            "entries": np.frombuffer(entries, np.uint8),
            "features": part.weights.ids,
            "weights": part.weights.values,
            "counts": np.diff(part.weights.starts).astype(np.int32),
        }
    )


def from_bytes(data: bytes, ranking: Ranking) -> Matcher:
    """The matcher back. Raises BundleError where the bytes are no such file."""
    try:
        arrays = arrays_of(data, _KINDS)
        entries = msgspec.json.decode(arrays["entries"].data, type=tuple[Entry, ...])
        return Matcher.of(ranking, entries, lambda part: _classifiers(part, arrays))
    except (KeyError, ValueError, OverflowError, RecursionError, msgspec.DecodeError) as error:
        raise BundleError(f"This is no file of a FAQ: {error}.", KIND.remedy) from error


def opened(found: AnyBundle[Manifest]) -> Bundle:
    """A bundle's matcher. Raises BundleError where it cannot be used."""
    matcher = from_bytes(found.content, found.manifest.ranking)
    if len(matcher.entries) != found.manifest.entries:
        held = f"{len(matcher.entries)} of {found.manifest.entries} entries"
        raise BundleError(f"Bundle {found.version} has {held}.", KIND.remedy)
    return Bundle(found.version, found.manifest, matcher)


def _facts(matcher: Matcher, metrics: dict[str, Any]) -> dict[str, Any]:
    entries = matcher.base.part.entries
    rephrasings = sum(len(entry.also) for entry in entries)
    return {"entries": len(entries), "rephrasings": rephrasings, "ranking": matcher.ranking, "metrics": metrics}


def _classifiers(part: Part, arrays: dict[str, NDArray[Any]]) -> Sequence[Classifier | None]:
    """A classifier for each entry; raises ValueError where they are not those of these entries."""
    counts, ids, weights = (arrays[name] for name in ("counts", "features", "weights"))
    fits = len(counts) == len(part.entries) and len(ids) == len(weights)
    fits = fits and counts.min(initial=0) >= 0 and counts.sum(dtype=np.int64) == len(ids)
    fits = fits and ids.min(initial=0) >= 0 and ids.max(initial=-1) < part.questions.features
    if not (fits and np.isfinite(weights).all()):
        raise ValueError("classifiers of other entries")
    ends = np.cumsum(counts)[:-1]
    vectors = zip(np.split(ids.astype(np.int64), ends), np.split(weights.astype(np.float64), ends), strict=True)
    nothing = np.zeros(0, np.int64)
    return [Classifier(Vector(*vector), nothing, np.zeros(0)) if len(vector[0]) else None for vector in vectors][
        : len(counts)
    ]
