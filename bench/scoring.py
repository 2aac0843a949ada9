"""How fast thousands of one-class SVMs score, beside a loop over scikit-learn: `python -m bench.scoring [--json]`.

Models as the reference has them (one feature, gamma 0.01, on average 78 support vectors) and as Tally trains them
(value and mean, about 20). Both sides run in this process, warm, in turns; a pair is a row and a support vector.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from bench.aggregation import Row, show
from scoring_images.anomaly.csv_job import score_csv
from shared.anomaly_detection.bundle import read_bundle, write_bundle
from shared.anomaly_detection.features import FeatureSpec, features
from shared.anomaly_detection.kernel import decision_values
from shared.anomaly_detection.one_class_svm import PackedModels, SeriesModel, pack
from shared.storage import MemoryBlobs

SERIES, MANY, ROUNDS, GAP = 1_000, 100_000, 5, 0.2
ABOUT: dict[str, Any] = {"features": {}, "parameters": {}, "metrics": {}}
SPAN = (datetime(2018, 8, 28, 23, tzinfo=UTC), datetime(2018, 8, 29, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Fleet:
    """Models, and the scikit-learn estimators that they were taken from."""

    name: str
    models: PackedModels
    estimators: dict[tuple[str, str], tuple[Any, Any]]
    spec: FeatureSpec


@dataclass(frozen=True, slots=True)
class Taken:
    """Median seconds by the clock and of processor time."""

    clock: float
    processor: float


def fleet(name: str, *, gamma: float, nu: float, mean_rows: int, rows: tuple[int, int]) -> Fleet:
    """Fit SERIES models on values drawn at random, series by series."""
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    rng = np.random.default_rng(0)
    spec = FeatureSpec(mean_rows=mean_rows)
    models, estimators = [], {}
    for index in track(range(SERIES), f"fitting {name}", console=Console(stderr=True), transient=True):
        values = rng.normal(rng.uniform(-50, 50), rng.uniform(0.1, 10), (int(rng.integers(*rows)), 1))
        x = seen(values, spec)
        scaler = StandardScaler().fit(x)
        svm = OneClassSVM(gamma=gamma, nu=nu, tol=1e-6).fit(scaler.transform(x))
        key = f"{index // 10:05d}", str(index % 10)
        estimators[key] = scaler, svm
        models.append(
            SeriesModel(
                device=key[0],
                sensors=(key[1],),
                wandering=np.zeros(1, np.bool_),
                mean=scaler.mean_,
                scale=scaler.scale_,
                vectors=svm.support_vectors_,
                weights=svm.dual_coef_[0],
                rho=float(-svm.intercept_[0]),
                gamma=gamma,
                threshold=0.0,
            )
        )
    return Fleet(name, pack(models), estimators, spec)


def seen(values: NDArray[np.float64], spec: FeatureSpec) -> NDArray[np.float64]:
    """The features of one series; of a fleet that does not look back, the value alone."""
    x = features(values, np.array([0, len(values)]), np.zeros((1, 1), np.bool_), spec.mean_rows)
    return x if spec.mean_rows > 1 else x[:, :1]


def csv_file(models: PackedModels, rows: int) -> bytes:
    """A file of readings in time order, one every 5 s of each series."""
    rng = np.random.default_rng(1)
    first = models.features[:-1]
    values = models.means[first] + models.scales[first] * rng.normal(0, 1.5, (rows, len(models)))
    times = np.datetime64("2018-08-28T23:00:00.000") + np.arange(rows) * np.timedelta64(5000, "ms")
    frame = pl.DataFrame(
        {
            "TS": np.repeat(times, len(models)),
            "Device": [device for device, _ in models.names] * rows,
            "Sensor": [sensors[0] for _, sensors in models.names] * rows,
            "Value": values.ravel().round(2),
        }
    )
    return frame.write_csv(datetime_format="%Y-%m-%d %H:%M:%S%.3f").encode()


def loop_job(given: Fleet, data: bytes) -> str:
    """CSV to CSV with pandas and, series by series, scikit-learn."""
    import pandas as pd

    frame = pd.read_csv(BytesIO(data), dtype={"Device": str, "Sensor": str})
    values = frame["Value"].to_numpy()[:, None]
    labels = np.empty(len(frame), np.int8)
    for key, rows in frame.groupby(["Device", "Sensor"], sort=False).indices.items():
        scaler, svm = given.estimators[key]
        labels[rows] = svm.decision_function(scaler.transform(seen(values[rows], given.spec))) < 0
    frame["Prediction"] = labels
    out = StringIO()
    frame.to_csv(out, index=False, header=["TS", "Device", "Tag", "Val", "Prediction"])
    return out.getvalue()


def packed_job(given: Fleet, data: bytes) -> bytes:
    """CSV to CSV as Tally does it."""
    out = BytesIO()
    score_csv(given.models, given.spec, BytesIO(data), out)
    return out.getvalue()


def rows_to_score(given: Fleet, rows: int) -> NDArray[np.float64]:
    """Features of `rows` rows of every series, f64[series x rows, columns]."""
    rng = np.random.default_rng(2)
    columns = int(given.models.dims[0])
    mean, scale = (part.reshape(-1, 1, columns) for part in (given.models.means, given.models.scales))
    x: NDArray[np.float64] = mean + scale * rng.normal(0, 1.5, (len(given.models), rows, columns))
    return x.reshape(-1, columns)


def loop_values(given: Fleet, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decision values, series by series."""
    parts = zip(given.estimators.values(), np.split(x, len(given.models)), strict=True)
    return np.concatenate([svm.decision_function(scaler.transform(part)) for (scaler, svm), part in parts])


def packed_values(given: Fleet, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decision values, all at once."""
    return decision_values(given.models, x, np.linspace(0, len(x), len(given.models) + 1, dtype=np.int64))


def interleaved(calls: dict[str, Callable[[], object]]) -> dict[str, Taken]:
    """Medians of each call, taken in turns with a pause between; the first turn warms up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(ROUNDS + 1):
        for name, call in calls.items():
            time.sleep(GAP)
            clock, processor = time.perf_counter(), time.process_time()
            call()
            if turn:
                taken[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {
        name: Taken(*(statistics.median(column) for column in zip(*times, strict=True)))
        for name, times in taken.items()
    }


def compare(name: str, loop: Callable[[], object], packed: Callable[[], object], **more: float) -> Row:
    """Both ways as a line of a table."""
    taken = interleaved({"loop": loop, "packed": packed})
    figures = {
        "loop, ms": 1e3 * taken["loop"].clock,
        "Tally, ms": 1e3 * taken["packed"].clock,
        "times": taken["loop"].clock / taken["packed"].clock,
        "times in CPU time": taken["loop"].processor / taken["packed"].processor,
    }
    return Row(name, figures | more)


def jobs(given: Fleet) -> Iterator[Row]:
    """The whole job, CSV in and CSV out, warm."""
    for rows in (20, 200):
        data = csv_file(given.models, rows)
        ours, theirs = packed_job(given, data).decode(), loop_job(given, data)
        unlike = sum(one[-1] != other[-1] for one, other in zip(ours.splitlines(), theirs.splitlines(), strict=True))
        loop, packed = partial(loop_job, given, data), partial(packed_job, given, data)
        yield compare(f"{given.name}, {rows} rows each", loop, packed, **{"labels unlike": unlike})


def scoring_alone(given: Fleet) -> Iterator[Row]:
    """Decision values alone, and how they differ."""
    for rows in (20, 100):
        x = rows_to_score(given, rows)
        ours, theirs = packed_values(given, x), loop_values(given, x)
        unlike = int((((ours < 0) != (theirs < 0)) & (np.abs(theirs) >= 1e-12)).sum())
        loop, packed = partial(loop_values, given, x), partial(packed_values, given, x)
        row = compare(f"{given.name}, {rows} rows each", loop, packed, **{"labels unlike": unlike})
        pairs = rows * len(given.models.weights)
        yield replace(
            row,
            figures=row.figures
            | {
                "ns each pair": 1e6 * row.figures["Tally, ms"] / pairs,
                "1e-15 apart": 1e15 * float(abs(ours - theirs).max()),
            },
        )


def start_up(given: Fleet) -> Iterator[Row]:
    """What a scoring process does before it scores."""
    store = MemoryBlobs()
    version = write_bundle(store, given.models, **ABOUT, data_span=SPAN)
    taken = interleaved({"load": lambda: read_bundle(store, version)})["load"]
    yield Row("read and check 1,000 models", {"ms": 1e3 * taken.clock})
    with tempfile.TemporaryDirectory() as cache:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = cache
        for name, before, code in (
            ("import what a scoring task needs", "pass", "import scoring_images.anomaly.score"),
            (
                "make machine code of the kept kernel",
                "from shared.anomaly_detection import compiled, kernel",
                "compiled.load(kernel.ROUTINE)",
            ),
        ):
            taken_by = [fresh_seconds(before, code, env) for _ in range(ROUNDS + 1)][1:]
            yield Row(name, {"ms": 1e3 * statistics.median(taken_by)})


def fresh_seconds(before: str, code: str, env: dict[str, str]) -> float:
    """Seconds in a fresh interpreter with cached byte code; raises where scikit-learn or a compiler comes along."""
    whole = (
        f"import sys, time; {before}; begun = time.perf_counter(); {code}; print(time.perf_counter() - begun);"
        "assert not {'sklearn', 'numba'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", whole], env=env, capture_output=True, text=True, check=True)
    return float(done.stdout)


def many(given: Fleet) -> Iterator[Row]:
    """100,000 series in one process of its own: time and peak memory."""
    names = ((f"{index // 10:05d}", (str(index % 10),)) for index in range(MANY))
    models = pack([replace(given.models[n % SERIES], device=d, sensors=s) for n, (d, s) in enumerate(names)])
    store = MemoryBlobs()
    version = write_bundle(store, models, **ABOUT, data_span=SPAN)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for blob in store.list():
            (place / blob.name.replace("/", ":")).write_bytes(store.blobs[blob.name][0])
        (place / "in.csv").write_bytes(csv_file(models, 20))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            figures = pool.apply(score_many, (place, version, given.spec))
    yield Row(f"{given.name}, {MANY:,} series, 20 rows each", figures)


def score_many(place: Path, version: str, spec: FeatureSpec) -> dict[str, float]:
    """Load a bundle and score a file with it; seconds, and the process's peak memory in MiB."""
    store = MemoryBlobs()
    begun = time.perf_counter()
    for path in place.glob("anomaly:*"):
        store.put(path.name.replace(":", "/"), path.read_bytes())
    models = read_bundle(store, version).models
    loaded = time.perf_counter()
    with (place / "in.csv").open("rb") as source, (place / "out.csv").open("wb") as sink:
        report = score_csv(models, spec, source, sink)
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"load, s": loaded - begun, "score, s": done - loaded, "rows": report.scored, "peak memory, MiB": peak}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON lines in place of tables")
    as_json = parser.parse_args().json
    reference = fleet("reference models", gamma=0.01, nu=0.1, mean_rows=1, rows=(300, 1250))
    tally = fleet("Tally's models", gamma=0.1, nu=0.05, mean_rows=4, rows=(300, 500))
    tables = {
        "CSV in, CSV out, 1,000 series": (*jobs(reference), *jobs(tally)),
        "Scoring alone, 1,000 series": (*scoring_alone(reference), *scoring_alone(tally)),
        "Starting": start_up(tally),
        "Many series": many(tally),
    }
    for title, made in tables.items():
        rows = list(made)
        if as_json:
            print("\n".join(json.dumps({"bench": title, "case": row.name, **row.figures}) for row in rows))
        else:
            Console().print(show(title, rows))


if __name__ == "__main__":
    main()
