"""Bundles of one-class SVMs: thousands of models in one safetensors file, with what they were trained on and how."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.bundles.registry import Kind, Registry
from shared.bundles.registry import Manifest as AnyManifest
from shared.errors import BundleError
from shared.storage import BlobStore

if TYPE_CHECKING:  # who only asks for versions and manifests need not have numpy
    from shared.anomaly_detection.one_class_svm import PackedModels

FOLDER = "anomaly"


class Manifest(AnyManifest, frozen=True, kw_only=True):
    """What a bundle says of itself; features, parameters and metrics are JSON as the training gave them."""

    series: int  # how many have a model
    data_span: tuple[datetime, datetime]
    features: dict[str, Any]
    parameters: dict[str, Any]
    metrics: dict[str, Any]


KIND = Kind("tally anomaly bundle 1", "models.safetensors", Manifest)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read and found whole."""

    version: str
    manifest: Manifest
    models: "PackedModels"


def registry(store: BlobStore) -> Registry[Manifest]:
    """The bundles in the container."""
    return Registry(store, FOLDER, KIND)


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
    from shared.anomaly_detection import archive

    return registry(store).write(
        archive.to_bytes(models),
        series=len(models),
        data_span=data_span,
        features=features,
        parameters=parameters,
        metrics=metrics,
    )


def read_bundle(store: BlobStore, version: str) -> Bundle:
    """Read and check the bundle; its arrays are views of the bytes read.

    Raises BundleError where it is missing, damaged, or not what its manifest says.
    """
    from shared.anomaly_detection import archive

    bundle = registry(store).read(version)
    models = archive.from_bytes(bundle.content)
    if len(models) != bundle.manifest.series:
        raise BundleError(f"Bundle {version} has {len(models)} of {bundle.manifest.series} models.", KIND.remedy)
    return Bundle(version, bundle.manifest, models)
