"""Fits the model of one series: where its normal rows lie, and the border that a chosen share of them may cross.

A one-class SVM (Schölkopf et al., Estimating the Support of a High-Dimensional Distribution, 2001) on standardised
features; its border is then moved to where rows it has not seen fall out at the chosen rate (conformal prediction:
Vovk et al., Algorithmic Learning in a Random World, 2005), in contiguous folds because neighbouring rows are alike.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.anomaly_detection.features import FeatureSpec, Flags, Floats, Per, features
from shared.anomaly_detection.one_class_svm import SeriesModel
from shared.anomaly_detection.rows import SeriesRows
from shared.errors import InvalidInput

ROUNDING = 1e-9  # standard deviation, relative to the values, that is but rounding
SATURATED = 0.99  # of the decision value of a row infinitely far away
FEW = 0.05  # share of the rows that may be wild: a single wild value spoils the means of three more rows


@dataclass(frozen=True, slots=True)
class Parameters:
    """How models are fitted; the defaults are explained and measured in docs/models.md."""

    per: Per = Per.SERIES
    mean_rows: int = 4
    false_alarm_rate: float = 0.005
    nu: float = 0.05
    gamma: float = 0.2  # of one feature; d features share it, as their squared distances add up
    tol: float = 1e-6
    folds: int = 4
    wandering_share: float = 0.2
    fit_rows: int = 500  # support vectors are about nu times these: what scoring costs
    min_rows: int = 50

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("false-alarm rate", self.false_alarm_rate, 0, 0.5),
            ("nu", self.nu, 0, 1),
            ("gamma", self.gamma, 0, 100),
            ("tol", self.tol, 0, 0.1),
        ):
            if not low < value <= high:
                raise InvalidInput(f"The {name} is {value}; it must be above {low} and at most {high}.")

    @property
    def spec(self) -> FeatureSpec:
        """The features these parameters ask for."""
        return FeatureSpec(self.per, self.mean_rows)

    def to_dict(self) -> dict[str, Any]:
        """As a manifest keeps them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a series has no model."""

    device: str
    sensors: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class _Border:
    """A fitted border in raw features; decisions are per unit of weight, so that fits of unlike size compare."""

    mean: Floats
    scale: Floats
    vectors: Floats
    weights: Floats
    rho: float
    gamma: float

    def decisions(self, rows: Floats) -> Floats:
        squares = np.zeros((len(rows), len(self.vectors)))
        for row, vector in zip(((rows - self.mean) / self.scale).T, self.vectors.T, strict=True):
            squares += np.subtract.outer(row, vector) ** 2
        raw: Floats = np.exp(-self.gamma * squares) @ self.weights - self.rho
        return raw / self.weights.sum()

    @property
    def lowest(self) -> float:
        """The decision about a row infinitely far away; nothing is below it."""
        return -self.rho / float(self.weights.sum())


def fit_series(rows: SeriesRows, parameters: Parameters) -> SeriesModel | Problem:
    """The model of one series, or the reason why there is none. Deterministic."""
    try:
        return _fit_series(rows, parameters)
    except _Unfit as error:
        return Problem(rows.device, rows.sensors, str(error))


class _Unfit(Exception):
    """The rows give no model; the text says why."""


def _fit_series(rows: SeriesRows, parameters: Parameters) -> SeriesModel:
    _check(rows.values, parameters.min_rows)
    wandering = wanders(rows.values, parameters)
    whole = np.array([0, len(rows.values)])
    seen = features(rows.values, whole, wandering[None, :], parameters.mean_rows)
    seen = seen[parameters.mean_rows - 1 :]  # the first means are of fewer rows
    gamma = parameters.gamma / _varying(seen)
    seen, held_out = _without_wild_rows(seen, gamma, parameters)
    border = _fit(seen, np.arange(len(seen)), gamma, parameters)
    threshold = max(_threshold(held_out, parameters.false_alarm_rate), SATURATED * border.lowest)
    return SeriesModel(
        device=rows.device,
        sensors=rows.sensors,
        wandering=wandering,
        mean=border.mean,
        scale=border.scale,
        vectors=border.vectors,
        weights=border.weights,
        rho=border.rho,
        gamma=border.gamma,
        threshold=threshold * float(border.weights.sum()),
    )


def _check(values: Floats, min_rows: int) -> None:
    if len(values) < min_rows:
        raise _Unfit(f"{len(values)} rows; at least {min_rows} are needed")
    with np.errstate(over="ignore", invalid="ignore"):
        usable = np.isfinite(values.var(axis=0)).all()
    if not usable:
        raise _Unfit("values too large to square")


def wanders(values: Floats, parameters: Parameters) -> Flags:
    """Which sensors wander, [S]: more than a fifth of their variance lies between the parts of the training span.

    Of steady rows about one part in (rows / folds) does.
    """
    parts = np.array_split(values, parameters.folds)
    between = np.var([part.mean(axis=0) for part in parts], axis=0)
    within = np.mean([part.var(axis=0) for part in parts], axis=0)
    flags: Flags = between > parameters.wandering_share * (between + within)
    return flags


def _varying(seen: Floats) -> int:
    """How many features vary at all."""
    count = np.count_nonzero(_deviations(seen))
    if count == 0:
        raise _Unfit("constant: its rows, or the changes between them, are all the same")
    return int(count)


def _deviations(seen: Floats) -> Floats:
    """The standard deviation of each feature, 0 where it is but rounding."""
    deviations: Floats = seen.std(axis=0)
    return np.where(deviations > ROUNDING * np.abs(seen).max(axis=0), deviations, 0.0)


def _fit(seen: Floats, chosen: NDArray[np.intp], gamma: float, parameters: Parameters) -> _Border:
    """Fit on the chosen rows, standardised, thinned evenly where there are more than needed."""
    from sklearn import config_context
    from sklearn.svm import OneClassSVM

    rows = seen[_thinned(chosen, parameters.fit_rows)]
    mean, deviations = rows.mean(axis=0), _deviations(rows)
    scale = np.where(deviations > 0, deviations, 1.0)
    svm = OneClassSVM(kernel="rbf", nu=parameters.nu, gamma=gamma, tol=parameters.tol)
    with config_context(assume_finite=True, skip_parameter_validation=True):  # a third of the time, five times a series
        svm.fit((rows - mean) / scale)
    return _Border(mean, scale, svm.support_vectors_, svm.dual_coef_[0], -float(svm.intercept_[0]), gamma)


def _thinned(chosen: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    if len(chosen) <= most:
        return chosen
    return chosen[np.linspace(0, len(chosen) - 1, most).round().astype(np.intp)]


def _without_wild_rows(seen: Floats, gamma: float, parameters: Parameters) -> tuple[Floats, Floats]:
    """The rows without a few wild ones, which would stretch the border over everything between; and their decisions.

    Again until none is left: a wild row can hide those beside it.
    """
    kept = seen
    while True:
        decisions, far = _held_out(kept, gamma, parameters)
        if not far.any():
            return kept, decisions
        kept = kept[~far]
        wild = len(seen) - len(kept)
        if wild > FEW * len(seen):
            raise _Unfit(f"{wild} of {len(seen)} rows lie far from all others: the span is too short, or not normal")


def _held_out(seen: Floats, gamma: float, parameters: Parameters) -> tuple[Floats, Flags]:
    """Each row's decision by a fit on the other folds, and whether it is about as far away as can be told.

    Rows next to a fold share values with it through their means: they are left out too (Racine 2000, hv-blocks).
    """
    everything = np.arange(len(seen))
    shared = parameters.spec.history_rows
    decisions, far = np.empty(len(seen)), np.empty(len(seen), np.bool_)
    for fold in np.array_split(everything, parameters.folds):
        others = everything[(everything < fold[0] - shared) | (everything > fold[-1] + shared)]
        border = _fit(seen, others, gamma, parameters)
        decisions[fold] = border.decisions(seen[fold])
        far[fold] = decisions[fold] <= SATURATED * border.lowest
    return decisions, far


def _threshold(held_out: Floats, rate: float) -> float:
    """The decision value that at most `rate` of new rows fall below; the lowest seen where there are too few rows."""
    rank = max(int(rate * (len(held_out) + 1)), 1)
    return float(np.sort(held_out)[rank - 1])
