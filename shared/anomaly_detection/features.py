"""What a model looks at: causal features of a series' rows, the same in training and in scoring.

A row is a window of a series, its value the window's mean. The features of a row are its value and the mean of the
last few rows: the first sees a single spike, the second a small shift that lasts. Of a sensor whose level wanders
by itself (a temperature, say) no level can be called normal: it is looked at through its change instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidInput

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]
type Flags = NDArray[np.bool_]


class Per(StrEnum):
    """What gets a model of its own."""

    SERIES = "series"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """How all models of a bundle see their rows.

    Four rows are the fewest with which a shift of 3 sd lies 6 standard errors of the mean from where it was:
    3 on each side of the border between normal and not.
    """

    per: Per = Per.SERIES
    mean_rows: int = 4

    @property
    def history_rows(self) -> int:
        """How many rows before the first one to score are needed for its features."""
        return self.mean_rows - 1

    def to_dict(self) -> dict[str, Any]:
        """As a bundle's manifest keeps it."""
        return {"per": self.per.value, "mean_rows": self.mean_rows}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FeatureSpec":
        """Back from a manifest; raises InvalidInput where it is not one that this version knows."""
        try:
            spec = cls(Per(data["per"]), int(data["mean_rows"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"These features are not known here: {dict(data)}.", "Train again.") from error
        if data.keys() != spec.to_dict().keys() or spec.mean_rows < 1:
            raise InvalidInput(f"These features are not known here: {dict(data)}.", "Train again.")
        return spec


def features(values: Floats, offsets: Integers, wandering: Flags, mean_rows: int) -> Floats:
    """The features of many series (or devices) at once.

    values: [rows, S], S sensors, the rows of one series after those of another, each in time order and finite;
    offsets: [series + 1], where each begins; wandering: [series, S].
    Returns [rows, 2 S]: for a steady sensor value and mean, for a wandering one value - mean and 0; first the S value
    columns, then the S mean columns. Rows count, not seconds: a gap in time changes nothing.
    """
    means = rolling_mean(values, offsets, mean_rows)
    if not wandering.any():
        return np.hstack([values, means])
    wanders = np.repeat(wandering, np.diff(offsets), axis=0)
    return np.hstack([np.where(wanders, values - means, values), np.where(wanders, 0.0, means)])


def rolling_mean(values: Floats, offsets: Integers, mean_rows: int) -> Floats:
    """The mean of the last `mean_rows` rows of the same series, at its start of the rows there are: [rows, S].

    Each is summed by itself from the oldest row to the newest, so it does not depend on how rows are cut into batches.
    """
    totals = np.zeros_like(values)
    for lag in reversed(range(min(mean_rows, len(values)))):
        totals[lag:] += values[: len(values) - lag]
    totals /= mean_rows
    for age in range(mean_rows - 1):
        young = offsets[:-1] + age
        young = young[young < offsets[1:]]
        totals[young] = sum((values[young - lag] for lag in reversed(range(age + 1))), np.float64(0)) / (age + 1)
    return totals
