"""How good a matcher is: rank of the right entry, calibration, and risk against coverage."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.faq_matching.matcher import Match
from shared.faq_matching.ranking import OFF_TOPIC
from shared.faq_matching.sparse import Flags, Floats

BINS = 15
RISK = 0.1  # share of the answers given that may be wrong


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: rank of the right entry (0: the first; None: not found), probability of the first.

    off_topic: the probability that the best of the other entries would have, were the right one not there.
    """

    rank: int | None
    sure: float
    off_topic: float

    @classmethod
    def of(cls, matches: Sequence[Match], id: str | None) -> Self:
        """The outcome of a question that means the entry with this id; None: that no entry answers."""
        ids = [match.id for match in matches]
        rank = ids.index(id) if id in ids else None
        sure = matches[0].probability if matches else 0.0
        others = [match.probability for match in matches if match.id != id]
        right = matches[rank].probability if rank is not None else 0.0
        return cls(rank, sure, max(others, default=0.0) / max(1 - right, 1e-12))


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Figures over questions; shares between 0 and 1."""

    questions: int
    accuracy_at_1: float
    accuracy_at_3: float
    mean_reciprocal_rank: float
    calibration_error: float  # expected, over 15 bins of equal width (Guo et al. 2017)

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Of questions that each mean an entry."""
        ranks = np.array([np.inf if outcome.rank is None else outcome.rank for outcome in outcomes])
        sure = np.array([outcome.sure for outcome in outcomes])
        figures = (ranks < 1).mean(), (ranks < 3).mean(), (1 / (ranks + 1)).mean(), calibration_error(sure, ranks < 1)
        first, third, reciprocal, error = (round(float(figure), 6) for figure in figures)
        return cls(
            questions=len(outcomes),
            accuracy_at_1=first,
            accuracy_at_3=third,
            mean_reciprocal_rank=reciprocal,
            calibration_error=error,
        )


def calibration_error(sure: Floats, right: Flags) -> float:
    """How far, on average, probabilities are from how often they are right."""
    bin_of = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bin_of, sure - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))


@dataclass(frozen=True, slots=True)
class Curve:
    """For falling thresholds: the share of questions answered, and of the answers those that are wrong.

    refused: the share of off-topic questions that get no answer.
    """

    thresholds: Floats
    coverage: Floats
    risk: Floats
    refused: Floats

    @classmethod
    def of(cls, sure: Floats, right: Flags, off_topic: Floats, share: float = OFF_TOPIC) -> Self:
        """Of questions that mean an entry, and of off-topic ones, which are that share of all questions.

        coverage counts the former only; risk counts an answer to an off-topic question as wrong.
        """
        thresholds = np.unique(np.concatenate([sure, off_topic]))[::-1]
        answered = _above(sure, thresholds) / len(sure)
        wrong = _above(sure[~right], thresholds) / len(sure)
        astray = _above(off_topic, thresholds) / max(len(off_topic), 1)
        given = (1 - share) * answered + share * astray
        return cls(thresholds, answered, ((1 - share) * wrong + share * astray) / given, 1 - astray)

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Coverage, risk and share refused with that threshold."""
        place = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        if place < 0:
            return 0.0, 0.0, 1.0
        return float(self.coverage[place]), float(self.risk[place]), float(self.refused[place])


def curve_of(outcomes: Sequence[Outcome]) -> Curve:
    """The curve of questions, each also asked with the entry that it means taken away, as an off-topic one."""
    return off_topic_curve(outcomes, np.array([outcome.off_topic for outcome in outcomes]))


def off_topic_curve(outcomes: Sequence[Outcome], off_topic: Floats) -> Curve:
    """The curve of questions, and of off-topic ones, given the probability of the best match of each."""
    sure = np.array([outcome.sure for outcome in outcomes])
    return Curve.of(sure, np.array([outcome.rank == 0 for outcome in outcomes]), off_topic)


def threshold_for(curve: Curve, risk: float = RISK) -> float:
    """The lowest threshold with at most that risk; where none has, the one with the least."""
    fits = np.flatnonzero(curve.risk <= risk)
    place = fits[-1] if len(fits) else np.argmin(curve.risk)
    return float(np.floor(curve.thresholds[place] * 1e4) / 1e4)


def _above(values: Floats, thresholds: Floats) -> NDArray[np.float64]:
    """How many values reach each threshold."""
    return (len(values) - np.searchsorted(np.sort(values), thresholds, side="left")).astype(np.float64)
