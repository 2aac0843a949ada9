"""How sure a match is: a conditional logit over the candidates and one more, "none of these" (McFadden 1974)."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.faq_matching.sparse import Flags, Floats, Ints

type Weights = tuple[float, float, float]
OFF_TOPIC = 0.1  # share of questions that no entry answers, presumed
_PRECISION = 0.04  # of the prior: a weight is within 5 of its prior value, unless the questions say otherwise
_STEPS = 100


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Weights of a candidate's features (likeness, fit of its answer, 1): log-odds against "none of these".

    taught: where the entry has a classifier; plain: where it is known in one phrasing only.
    threshold: a match less probable than this is no answer.
    """

    taught: Weights
    plain: Weights
    threshold: float

    def log_odds(self, features: Floats, taught: Flags) -> Floats:
        """f64[candidates] of f64[candidates, 3]."""
        odds: Floats = np.where(taught, features @ np.array(self.taught), features @ np.array(self.plain))
        return odds


def probabilities(log_odds: Floats) -> Floats:
    """Of each candidate to be what is meant; what is missing to 1 is "none of these"."""
    most = max(float(log_odds.max(initial=0.0)), 0.0)
    shares = np.exp(log_odds - most)
    out: Floats = shares / (shares.sum() + np.exp(-most))
    return out


@dataclass(frozen=True, slots=True)
class Case:
    """A question whose answer is known: the features of its candidates, and which of them is meant."""

    features: Floats  # f64[candidates, 3]
    meant: int


def fit(cases: Sequence[Case], prior: Weights) -> Weights:
    """The weights that make what was meant most probable, by Newton's method (the problem is convex).

    Each question counts twice: as it is, and with the entry that it means taken away, when "none of these" is right.
    """
    if not cases:
        return prior
    x, there, meant = _stacked(cases)
    shares = ((there, meant, 1 - OFF_TOPIC), (there & (np.arange(x.shape[1]) != meant[:, None]), None, OFF_TOPIC))
    weights, start = np.array(prior), np.array(prior)
    value = np.inf
    step = np.zeros(3)
    for _ in range(_STEPS):
        new = weights + step
        loss, gradient, curvature = (
            _PRECISION / 2 * (new - start) @ (new - start),
            _PRECISION * (new - start),
            np.eye(3),
        )
        curvature *= _PRECISION
        for mask, target, share in shares:
            part = _part(x, mask, target, new)
            loss, gradient, curvature = loss + share * part[0], gradient + share * part[1], curvature + share * part[2]
        if loss > value + 1e-12:
            step = step / 2  # overshot
            continue
        weights, previous, value = new, value, loss
        step = -np.linalg.solve(curvature, gradient)
        if previous - value < 1e-9 * abs(value):
            break
    first, second, third = (round(float(weight), 6) for weight in weights)
    return first, second, third


def _stacked(cases: Sequence[Case]) -> tuple[Floats, Flags, Ints]:
    most = max(len(case.features) for case in cases)
    x = np.zeros((len(cases), most, 3))
    there = np.zeros((len(cases), most), np.bool_)
    for number, case in enumerate(cases):
        x[number, : len(case.features)] = case.features
        there[number, : len(case.features)] = True
    return x, there, np.array([case.meant for case in cases])


def _part(x: Floats, there: Flags, meant: Ints | None, weights: Floats) -> tuple[float, Floats, NDArray[np.float64]]:
    """Negative log-likelihood, its gradient and its curvature."""
    odds = np.where(there, x @ weights, -np.inf)
    most = np.maximum(odds.max(axis=1), 0)
    shares = np.exp(odds - most[:, None])
    total = shares.sum(axis=1) + np.exp(-most)
    p = shares / total[:, None]
    mean = np.einsum("qc,qcf->qf", p, x)
    curvature = np.einsum("qc,qcf,qcg->fg", p, x, x) - mean.T @ mean
    loss, gradient = (most + np.log(total)).sum(), mean.sum(axis=0)
    if meant is not None:
        chosen = x[np.arange(len(x)), meant]
        loss, gradient = loss - (chosen @ weights).sum(), gradient - chosen.sum(axis=0)
    return float(loss), gradient, curvature
