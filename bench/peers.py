"""The anomaly models beside those of scikit-learn, on the same files: `python -m bench.peers`.

All learn from the first 400 rows of each file of SKAB's valve1 and score the rest. All get their threshold by the same
rule: the score that 0.5 % of the training rows fall below, each scored by a fit on the other three of four contiguous
parts. They see each row as it is, standardised, or with the features that Tally's models see.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from bench.quality import SENSORS, VALVE_TRAINING, Counts, counted, fitted, flagged, seen_by, valve_each, valve_files
from shared.anomaly_detection.features import Floats, Per, features
from shared.anomaly_detection.fitting import Parameters, wanders

FREE = SENSORS / "skab" / "anomaly-free" / "anomaly-free.csv"
PARAMETERS = Parameters(Per.DEVICE)


class Reconstruction:
    """Principal components that hold 90 % of the variance; a row's score is minus its squared distance from them."""

    def fit(self, rows: Floats) -> "Reconstruction":
        """Find the components."""
        self._pca = PCA(0.9).fit(rows)
        return self

    def decision_function(self, rows: Floats) -> Floats:
        """Low for what they cannot reproduce."""
        again: Floats = self._pca.inverse_transform(self._pca.transform(rows))
        return -((rows - again) ** 2).sum(axis=1)


PEERS: dict[str, Callable[[], Any]] = {
    "Isolation Forest, 200 trees": partial(IsolationForest, n_estimators=200, random_state=1),
    "Local Outlier Factor, 20 neighbours": partial(LocalOutlierFactor, n_neighbors=20, novelty=True),
    "Elliptic Envelope": partial(EllipticEnvelope, random_state=1, support_fraction=0.9),
    "PCA, reconstruction error": Reconstruction,
    "One-class SVM, nu 0.05": partial(OneClassSVM, nu=0.05, gamma="scale"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A peer, what it saw, and how it did over all files together."""

    name: str
    saw: str
    counts: Counts


def peer_flags(make: Callable[[], Any], seen: Floats, training: int) -> NDArray[np.bool_]:
    """Which of the rows after the first `training` a peer calls anomalies."""
    learned, rows = seen[:training], np.arange(training)
    held_out, beside = np.empty(training), PARAMETERS.spec.history_rows
    for fold in np.array_split(rows, PARAMETERS.folds):
        others = rows[(rows < fold[0] - beside) | (rows > fold[-1] + beside)]
        held_out[fold] = _scores(make, learned[others], learned[fold])
    rank = max(int(PARAMETERS.false_alarm_rate * (training + 1)), 1)
    flags: NDArray[np.bool_] = _scores(make, learned, seen[training:]) < np.sort(held_out)[rank - 1]
    return flags


def uncalibrated(seen: Floats, training: int) -> NDArray[np.bool_]:
    """What the reference architecture's one-class SVM calls anomalies, by its own border."""
    mean, scale = _scaling(seen[:training])
    svm = OneClassSVM(nu=1e-4, gamma=0.01).fit((seen[:training] - mean) / scale)
    flags: NDArray[np.bool_] = svm.predict((seen[training:] - mean) / scale) < 0
    return flags


def lines() -> Iterator[Line]:
    """Tally's models, then each peer, on rows as they are and on the features."""
    yield Line("Tally", "features", sum(valve_each(PARAMETERS), Counts()))
    for saw, view in (("values", _values), ("features", _features)):
        for name, make in PEERS.items():
            yield Line(name, saw, _over_files(partial(peer_flags, make), view))
    yield Line("One-class SVM of the reference", "values", _over_files(uncalibrated, _values))


def _over_files(flag: Callable[[Floats, int], NDArray[np.bool_]], view: Callable[[Floats], Floats]) -> Counts:
    return sum((counted(flag(view(values), VALVE_TRAINING), labels) for values, labels in valve_files()), Counts())


def _values(values: Floats) -> Floats:
    return values


def _features(values: Floats) -> Floats:
    wandering = wanders(values[:VALVE_TRAINING], PARAMETERS)
    return features(values, np.array([0, len(values)]), wandering[None, :], PARAMETERS.mean_rows)


def _scores(make: Callable[[], Any], learned: Floats, asked: Floats) -> Floats:
    mean, scale = _scaling(learned)
    scores: Floats = make().fit((learned - mean) / scale).decision_function((asked - mean) / scale)
    return scores


def _scaling(rows: Floats) -> tuple[Floats, Floats]:
    deviations = rows.std(axis=0)
    return rows.mean(axis=0), np.where(deviations > 0, deviations, 1.0)


def _anomaly_free() -> str:
    values = pl.read_csv(FREE, separator=";")[:, 1:9].to_numpy()
    rates = []
    for share in (0.1, 0.25, 0.5, 0.75):
        training = int(share * len(values))
        model = fitted(values, training, PARAMETERS)
        alarms = flagged(model, seen_by(model, values, PARAMETERS))[training:] if model else np.ones(1)
        rates.append(f"{share:.0%}: {100 * alarms.mean():.1f} %")
    return ", ".join(rates)


def main() -> None:
    """Print the table."""
    table = Table("", "sees", title="SKAB valve1: 16 files, fitted on the first 400 rows of each, the rest scored")
    for name in ("F1", "precision", "recall", "false alarms %"):
        table.add_column(name, justify="right")
    for line in lines():
        c = line.counts
        table.add_row(
            line.name, line.saw, f"{c.f1:.3f}", f"{c.precision:.3f}", f"{c.recall:.3f}", f"{c.false_alarm_rate:.2f}"
        )
    console = Console()
    console.print(table)
    rates = sorted(counts.false_alarm_rate for counts in valve_each(PARAMETERS))
    shown = ", ".join(f"{rate:.1f}" for rate in rates)
    console.print(f"Tally's false alarms, percent of each file's normal rows: {shown}")
    console.print(
        f"The same in a recording without faults, by the share of it that was learned from: {_anomaly_free()}"
    )


if __name__ == "__main__":
    main()
