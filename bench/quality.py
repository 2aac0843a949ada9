"""How good the anomaly models are, on the two public data sets: `python -m bench.quality [--sensitivity]`.

Both protocols fit on the first rows of a file or series and score the rest; nothing is fitted to the scored part.
The data lie in ../shared/data/sensors (docs/models.md says where they come from).
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from shared.anomaly_detection.features import Flags, Floats, Per, features
from shared.anomaly_detection.fitting import Parameters, Problem, fit_series
from shared.anomaly_detection.one_class_svm import SeriesModel
from shared.anomaly_detection.rows import SeriesRows

SENSORS = Path(__file__).resolve().parents[2] / "shared" / "data" / "sensors"
REFERENCE = SENSORS / "reference" / "sensor_data.csv"
VALVE = SENSORS / "skab" / "valve1"
REFERENCE_TRAINING, VALVE_TRAINING = 300, 400


@dataclass(frozen=True, slots=True)
class Shift:
    """What is flagged, in percent, when every scored value of a series is moved, or each one alone."""

    overall: float
    worst: float  # of all series and both directions
    single: float


@dataclass(frozen=True, slots=True)
class Steady:
    """False alarms on the reference data, in percent, and what is caught of shifts by so many sd."""

    overall: float
    worst: float
    shifts: dict[int, Shift]


@dataclass(frozen=True, slots=True)
class Counts:
    """How predictions met labels, in rows."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    quiet: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.hits + other.hits,
            self.false + other.false,
            self.missed + other.missed,
            self.quiet + other.quiet,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / max(2 * self.hits + self.false + self.missed, 1)

    @property
    def precision(self) -> float:
        """The share of the flagged rows that are anomalous."""
        return self.hits / max(self.hits + self.false, 1)

    @property
    def recall(self) -> float:
        """The share of the anomalous rows that were flagged."""
        return self.hits / max(self.hits + self.missed, 1)

    @property
    def false_alarm_rate(self) -> float:
        """Percent of the normal rows that were flagged."""
        return 100 * self.false / max(self.false + self.quiet, 1)

    @property
    def missed_alarm_rate(self) -> float:
        """Percent of the anomalous rows that were not."""
        return 100 * self.missed / max(self.missed + self.hits, 1)


def fitted(values: Floats, training: int, parameters: Parameters) -> SeriesModel | None:
    """The model of the first rows of values [rows, sensors], where they allow one."""
    sensors = tuple(str(number) for number in range(values.shape[1]))
    model = fit_series(SeriesRows("", sensors, values[:training]), parameters)
    return None if isinstance(model, Problem) else model


def flagged(model: SeriesModel, seen: Floats) -> Flags:
    """Which rows are anomalies, given their features; in plain numpy, to be seen through at a glance."""
    rows = (seen - model.mean) / model.scale
    distances = ((rows[:, None, :] - model.vectors) ** 2).sum(axis=2)
    decisions = np.exp(-model.gamma * distances) @ model.weights - model.rho
    flags: Flags = decisions < model.threshold
    return flags


def seen_by(model: SeriesModel, values: Floats, parameters: Parameters) -> Floats:
    """The features of one series' rows."""
    return features(values, np.array([0, len(values)]), model.wandering[None, :], parameters.mean_rows)


def reference_series() -> list[Floats]:
    """The values of each of the fifteen series, [rows, 1]."""
    data = pl.read_csv(REFERENCE, try_parse_dates=True).sort("Device", "Sensor", "TS")
    groups = data.partition_by("Device", "Sensor", maintain_order=True)
    return [group["Value"].to_numpy()[:, None] for group in groups]


def steady(parameters: Parameters, sds: Sequence[int] = (3, 5)) -> Steady:
    """False alarms and caught shifts on the reference data: uniform noise, fitted on the first 300 rows."""
    series = reference_series()
    models = [model for values in series if (model := fitted(values, REFERENCE_TRAINING, parameters))]
    alarms = [
        flagged(model, seen_by(model, values, parameters))[REFERENCE_TRAINING:]
        for model, values in zip(models, series, strict=True)
    ]
    rates = [100 * flags.mean() for flags in alarms]
    shifts = {sd: _shift(models, series, sd, parameters) for sd in sds}
    return Steady(100 * float(np.concatenate(alarms).mean()), float(max(rates)), shifts)


def uncalibrated(tol: float) -> tuple[float, float]:
    """False alarms, overall and worst in percent, of the reference architecture's models: no mean, no calibration."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    alarms = []
    for values in reference_series():
        svm = make_pipeline(StandardScaler(), OneClassSVM(nu=1e-4, gamma=0.01, tol=tol))
        svm.fit(values[:REFERENCE_TRAINING])
        alarms.append(100 * (svm.predict(values[REFERENCE_TRAINING:]) < 0))
    return float(np.concatenate(alarms).mean()), float(max(flags.mean() for flags in alarms))


def _shift(models: list[SeriesModel], series: list[Floats], sd: int, parameters: Parameters) -> Shift:
    lasting, single = [], []
    for model, values in zip(models, series, strict=True):
        for by in (sd * values[:REFERENCE_TRAINING].std(), -sd * values[:REFERENCE_TRAINING].std()):
            scored = np.arange(len(values))[:, None] >= REFERENCE_TRAINING
            all_moved = seen_by(model, values + by * scored, parameters)
            one_moved = seen_by(model, values, parameters) + by * np.array([1, 1 / parameters.mean_rows])
            lasting.append(100 * flagged(model, all_moved)[REFERENCE_TRAINING:])
            single.append(100 * flagged(model, one_moved)[REFERENCE_TRAINING:])
    worst = min(flags.mean() for flags in lasting)
    return Shift(float(np.concatenate(lasting).mean()), float(worst), float(np.concatenate(single).mean()))


def valve_files() -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Values [rows, 8 sensors] and labels of each file."""
    for path in sorted(VALVE.glob("*.csv"), key=lambda path: int(path.stem)):
        data = pl.read_csv(path, separator=";")
        yield data[:, 1:9].to_numpy(), data["anomaly"].to_numpy() == 1


def valve(parameters: Parameters) -> Counts:
    """All files of the valve together."""
    return sum(valve_each(parameters), Counts())


def valve_each(parameters: Parameters) -> list[Counts]:
    """Each file of the valve: fitted on its first 400 rows, the rest scored."""
    return [counted(_flags(values, parameters), labels) for values, labels in valve_files()]


def _flags(values: Floats, parameters: Parameters) -> NDArray[np.bool_]:
    model = fitted(values, VALVE_TRAINING, parameters)
    if model is None:  # then nothing is flagged
        return np.zeros(len(values) - VALVE_TRAINING, np.bool_)
    return flagged(model, seen_by(model, values, parameters))[VALVE_TRAINING:]


def counted(flags: NDArray[np.bool_], labels: NDArray[np.bool_]) -> Counts:
    """How flags of a file's scored rows meet the labels of all its rows."""
    truth = labels[VALVE_TRAINING:]
    both = (flags & truth, flags & ~truth, ~flags & truth, ~flags & ~truth)
    return Counts(*(int(rows.sum()) for rows in both))


def variants() -> Iterator[tuple[str, dict[str, Any]]]:
    """The defaults, then each parameter moved alone to values around its own."""
    yield "defaults", {}
    for name, values in (
        ("mean_rows", (2, 3, 5, 6, 8, 12)),
        ("false_alarm_rate", (0.001, 0.01, 0.02)),
        ("nu", (0.001, 0.01, 0.1, 0.2)),
        ("gamma", (0.02, 0.1, 0.5, 1.0)),
        ("tol", (1e-3, 1e-8)),
        ("folds", (3, 5, 8)),
        ("wandering_share", (0.1, 0.15, 0.3, 0.5, 1.0)),
    ):
        yield from ((f"{name} {value:g}", {name: value}) for value in values)


def steady_table(result: Steady) -> Table:
    """The reference data's figures as a table."""
    table = Table(title="Reference data: 15 series of uniform noise, fitted on 300 rows each")
    table.add_column("")
    table.add_column("overall %", justify="right")
    table.add_column("worst series %", justify="right")
    table.add_row("false alarms", f"{result.overall:.2f}", f"{result.worst:.2f}")
    for sd, shift in result.shifts.items():
        table.add_row(f"flagged, all values moved by {sd} sd", f"{shift.overall:.2f}", f"{shift.worst:.2f}")
        table.add_row(f"flagged, one value moved by {sd} sd", f"{shift.single:.2f}", "")
    for tol in (1e-3, 1e-6):
        overall, worst = uncalibrated(tol)
        table.add_row(f"false alarms of nu 1e-4, uncalibrated, tol {tol:g}", f"{overall:.2f}", f"{worst:.2f}")
    return table


def valve_table(counts: Counts) -> Table:
    """SKAB's figures as a table; `python -m bench.peers` has those of other models on the same files."""
    table = Table(title="SKAB valve1: 16 files, fitted on the first 400 rows of each")
    for name in ("F1", "precision", "recall", "false alarms %", "missed %"):
        table.add_column(name, justify="right")
    shares = (f"{share:.3f}" for share in (counts.f1, counts.precision, counts.recall))
    table.add_row(*shares, f"{counts.false_alarm_rate:.2f}", f"{counts.missed_alarm_rate:.2f}")
    return table


def sensitivity_table() -> Table:
    """Both data sets with one parameter moved at a time."""
    table = Table("", title="One parameter moved at a time")
    for name in ("alarms %", "worst %", "3 sd %", "worst 3 sd %", "single 3 sd %", "SKAB F1", "false %", "missed %"):
        table.add_column(name, justify="right")
    for label, changed in variants():
        noise = steady(Parameters(**changed), (3,))
        pump = valve(Parameters(Per.DEVICE, **changed))
        shift = noise.shifts[3]
        figures = (noise.overall, noise.worst, shift.overall, shift.worst, shift.single)
        rates = (pump.false_alarm_rate, pump.missed_alarm_rate)
        table.add_row(label, *(f"{x:.2f}" for x in figures), f"{pump.f1:.3f}", *(f"{x:.1f}" for x in rates))
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensitivity", action="store_true", help="also move each parameter alone (a minute)")
    arguments = parser.parse_args()
    console = Console()
    console.print(steady_table(steady(Parameters())))
    console.print(valve_table(valve(Parameters(Per.DEVICE))))
    if arguments.sensitivity:
        console.print(sensitivity_table())


if __name__ == "__main__":
    main()
