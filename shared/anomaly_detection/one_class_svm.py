"""One-class SVMs as plain arrays: one model to reason about, thousands packed to store, ship and evaluate.

A model's decision value is `sum_i weights_i exp(-gamma |z - vectors_i|^2) - rho` with `z = (x - mean) / scale`
(Schölkopf et al., Estimating the Support of a High-Dimensional Distribution, 2001); below the threshold is an anomaly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidInput

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]
type Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SeriesModel:
    """One fitted model of S sensors, d features and n support vectors."""

    device: str
    sensors: tuple[str, ...]
    wandering: Flags  # [S], which sensors have no level of their own (see features.py)
    mean: Floats  # [d]
    scale: Floats  # [d], none zero
    vectors: Floats  # [n, d], standardised
    weights: Floats  # [n]
    rho: float
    gamma: float
    threshold: float


@dataclass(frozen=True, slots=True)
class PackedModels:
    """Many models in a few flat arrays, addressed by index; a slice shares memory with the whole.

    Model m has the sensors `sensors[m]:sensors[m + 1]` of `wandering`, the features `features[m]:features[m + 1]` of
    `means` and `scales`, the support vectors `support[m]:support[m + 1]` of `weights`, and the coordinates of these,
    feature by feature, `coordinates[m]:coordinates[m + 1]` of `vectors`.
    """

    names: tuple[tuple[str, tuple[str, ...]], ...]  # (device, sensors)
    sensors: Integers  # [models + 1]
    features: Integers  # [models + 1]
    support: Integers  # [models + 1]
    coordinates: Integers  # [models + 1]
    wandering: Flags
    means: Floats
    scales: Floats
    vectors: Floats
    weights: Floats
    rho: Floats  # [models]
    gamma: Floats  # [models]
    thresholds: Floats  # [models]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def dims(self) -> Integers:
        """How many features each model has, i64[models]."""
        return np.diff(self.features)

    @overload
    def __getitem__(self, index: int) -> SeriesModel: ...
    @overload
    def __getitem__(self, index: slice) -> "PackedModels": ...
    def __getitem__(self, index: int | slice) -> "SeriesModel | PackedModels":
        if isinstance(index, slice):
            return self._slice(index)
        return self._model(range(len(self))[index])

    def _model(self, index: int) -> SeriesModel:
        features = _span(self.features, index)
        by_feature = self.vectors[_span(self.coordinates, index)]
        device, sensors = self.names[index]
        return SeriesModel(
            device,
            sensors,
            wandering=self.wandering[_span(self.sensors, index)],
            mean=self.means[features],
            scale=self.scales[features],
            vectors=by_feature.reshape(features.stop - features.start, -1).T,
            weights=self.weights[_span(self.support, index)],
            rho=float(self.rho[index]),
            gamma=float(self.gamma[index]),
            threshold=float(self.thresholds[index]),
        )

    def _slice(self, index: slice) -> "PackedModels":
        first, last, step = index.indices(len(self))
        if step != 1:
            raise InvalidInput("Packed models can only be sliced without a step.")
        last = max(first, last)
        sensors, features, support, coordinates = (
            bounds[first : last + 1] for bounds in (self.sensors, self.features, self.support, self.coordinates)
        )
        return PackedModels(
            names=self.names[first:last],
            sensors=sensors - sensors[0],
            features=features - features[0],
            support=support - support[0],
            coordinates=coordinates - coordinates[0],
            wandering=self.wandering[sensors[0] : sensors[-1]],
            means=self.means[features[0] : features[-1]],
            scales=self.scales[features[0] : features[-1]],
            vectors=self.vectors[coordinates[0] : coordinates[-1]],
            weights=self.weights[support[0] : support[-1]],
            rho=self.rho[first:last],
            gamma=self.gamma[first:last],
            thresholds=self.thresholds[first:last],
        )


def _span(bounds: Integers, index: int) -> slice:
    return slice(int(bounds[index]), int(bounds[index + 1]))


def starts(counts: NDArray[np.integer]) -> Integers:
    """Where each of consecutive groups begins, and where the last ends: i64[groups + 1]."""
    bounds = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=bounds[1:])
    return bounds


def pack(models: Sequence[SeriesModel]) -> PackedModels:
    """The models in the given order. Raises InvalidInput for one whose parts do not fit together."""
    for model in models:
        _check(model)
    dims = np.array([len(model.mean) for model in models], np.int64)
    counts = np.array([len(model.weights) for model in models], np.int64)
    return PackedModels(
        names=tuple((model.device, model.sensors) for model in models),
        sensors=starts(np.array([len(model.sensors) for model in models], np.int64)),
        features=starts(dims),
        support=starts(counts),
        coordinates=starts(dims * counts),
        wandering=np.array([flag for model in models for flag in model.wandering], np.bool_),
        means=_join([model.mean for model in models]),
        scales=_join([model.scale for model in models]),
        vectors=_join([model.vectors.T.ravel() for model in models]),
        weights=_join([model.weights for model in models]),
        rho=np.array([model.rho for model in models], np.float64),
        gamma=np.array([model.gamma for model in models], np.float64),
        thresholds=np.array([model.threshold for model in models], np.float64),
    )


def _check(model: SeriesModel) -> None:
    name = f"The model of {model.device}/{'+'.join(model.sensors)}"
    shape = (len(model.weights), len(model.mean))
    fits = model.vectors.shape == shape and model.scale.shape == model.mean.shape
    if not fits or 0 in shape or model.wandering.shape != (len(model.sensors),):
        raise InvalidInput(f"{name} has arrays of unlike sizes.")
    numbers = (model.mean, model.scale, model.vectors, model.weights, [model.rho, model.gamma, model.threshold])
    if not all(np.isfinite(part).all() for part in numbers) or not model.scale.all() or model.gamma <= 0:
        raise InvalidInput(f"{name} has numbers that cannot be computed with.")


def _join(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts, dtype=np.float64) if parts else np.empty(0)
