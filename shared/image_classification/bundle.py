"""Bundles of image classifiers: an ONNX network with its labels and its preprocessing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.bundles import registry as registries
from shared.bundles.registry import Kind, Registry
from shared.image_classification.classifier import Classifier
from shared.image_classification.preprocessing import Preprocessing
from shared.storage import BlobStore

FOLDER = "image"
SHIPPED = Path(__file__).parent / "default"


class Manifest(registries.Manifest, frozen=True, kw_only=True):
    """What a classifier says of itself."""

    labels: tuple[str, ...]
    preprocessing: Preprocessing
    softmax: bool  # whether the network gives scores, which are made probabilities
    source: dict[str, Any]  # where it comes from, and its licence
    metrics: dict[str, Any]


KIND = Kind("tally image bundle 1", "model.onnx", Manifest, "Add it again, or make another version current.")


@dataclass(frozen=True, slots=True)
class Bundle:
    """A classifier that was read, checked and tried."""

    version: str
    manifest: Manifest
    classifier: Classifier


def registry(store: BlobStore) -> Registry[Manifest]:
    """The classifiers in the container `bundles`."""
    return Registry(store, FOLDER, KIND, SHIPPED)


def read(store: BlobStore | None, threads: int = 0) -> Bundle:
    """The current classifier, or the one that ships, opened. Raises BundleError where it cannot be used."""
    return opened(current(store), threads)


def current(store: BlobStore | None) -> registries.Bundle[Manifest]:
    """The current classifier, or the one that ships. Raises BundleError where it is missing or damaged."""
    return registry(store).current_bundle() if store else KIND.read_folder(SHIPPED)


def opened(bundle: registries.Bundle[Manifest], threads: int = 0) -> Bundle:
    """A bundle's classifier, tried. Raises BundleError where it cannot be used."""
    says = bundle.manifest
    network = Classifier.open(bundle.content, says.labels, says.preprocessing, softmax=says.softmax, threads=threads)
    return Bundle(bundle.version, says, network)
