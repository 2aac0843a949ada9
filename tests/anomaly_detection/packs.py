"""Models made up or fitted by scikit-learn, for the tests of packing, bundles and the kernel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from shared.anomaly_detection.one_class_svm import SeriesModel

if TYPE_CHECKING:  # every process of the suite collects all tests, few fit models
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM


def made_up(
    device: str = "pump", sensors: Sequence[str] = ("1",), dims: int = 2, count: int = 3, seed: int = 0
) -> SeriesModel:
    """A model of numbers drawn at random."""
    rng = np.random.default_rng(seed)
    return SeriesModel(
        device=device,
        sensors=tuple(sensors),
        wandering=rng.integers(0, 2, len(sensors)).astype(np.bool_),
        mean=rng.normal(50, 20, dims),
        scale=rng.uniform(0.1, 10, dims),
        vectors=rng.normal(0, 1.5, (count, dims)),
        weights=rng.uniform(0, 1, count),
        rho=float(rng.uniform(0.1, 1)),
        gamma=float(rng.uniform(0.01, 1)),
        threshold=float(rng.normal(0, 0.1)),
    )


def fitted(
    rows: int, dims: int, nu: float, gamma: float, seed: int
) -> "tuple[SeriesModel, StandardScaler, OneClassSVM]":
    """A model with the scikit-learn estimators that it was taken from."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    rng = np.random.default_rng(seed)
    x = rng.normal(rng.uniform(-100, 100), rng.uniform(0.1, 10), (rows, dims))
    scaler = StandardScaler().fit(x)
    svm = OneClassSVM(gamma=gamma, nu=nu, tol=1e-6).fit(scaler.transform(x))
    model = SeriesModel(
        device=str(seed),
        sensors=("1",),
        wandering=np.zeros(1, np.bool_),
        mean=scaler.mean_,
        scale=scaler.scale_,
        vectors=svm.support_vectors_,
        weights=svm.dual_coef_[0],
        rho=float(-svm.intercept_[0]),
        gamma=gamma,
        threshold=0.0,
    )
    return model, scaler, svm


@st.composite
def models(draw: st.DrawFn) -> SeriesModel:
    """Any model: every size, any names."""
    sensors = draw(st.lists(st.text(max_size=5), min_size=1, max_size=3))
    sizes = {"dims": draw(st.integers(1, 5)), "count": draw(st.integers(1, 6))}
    return made_up(draw(st.text(max_size=5)), sensors, **sizes, seed=draw(st.integers(0, 2**32 - 1)))


def same(one: SeriesModel, other: SeriesModel) -> bool:
    """Whether two models are equal to the last bit."""
    fields = SeriesModel.__slots__  # type: ignore[attr-defined]
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in fields)
