"""A small plant: devices with known windows, and models that know what their series should look like."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise

import numpy as np
import polars as pl

from scoring_images.anomaly.job import Containers, Job, Part, PartSummary
from shared.anomaly_detection.bundle import write_bundle
from shared.anomaly_detection.one_class_svm import SeriesModel, pack
from shared.storage import MemoryBlobs

START = datetime(2026, 11, 20, 22, tzinfo=UTC)
END = START + timedelta(minutes=10)
WINDOW = timedelta(seconds=5)
FILE_SECONDS = 60


def model(device: str, *sensors: str) -> SeriesModel:
    """Expects values near 0: flags a row more than about 3.5 from the origin of its features."""
    d = 2 * len(sensors)
    return SeriesModel(
        device=device,
        sensors=sensors,
        wandering=np.zeros(len(sensors), np.bool_),
        mean=np.zeros(d),
        scale=np.ones(d),
        vectors=np.zeros((1, d)),
        weights=np.ones(1),
        rho=0.5,
        gamma=0.1,
        threshold=-0.2,
    )


@dataclass
class Plant:
    """The containers, and how to fill them and run tasks over [START, END)."""

    containers: Containers = field(
        default_factory=lambda: Containers(MemoryBlobs(), MemoryBlobs(), MemoryBlobs(), MemoryBlobs())
    )
    version: str = ""

    def train(self, models: Sequence[SeriesModel], per: str = "series") -> str:
        """Make a bundle of the models; they must be sorted."""
        spec = {"per": per, "mean_rows": 4}
        packed = pack(models)
        self.version = write_bundle(
            self.containers.bundles, packed, features=spec, parameters={}, metrics={}, data_span=(START, END)
        )
        return self.version

    def send(
        self, device: str, sensor: str, values: Sequence[float], start: datetime = START, partition: str = "0"
    ) -> None:
        """Add consecutive windows of a series, beginning with the one that starts at `start`."""
        ends = [start + (n + 1) * WINDOW for n in range(len(values))]
        rows = pl.DataFrame(
            {
                "device": device,
                "sensor": sensor,
                "window_end": pl.Series(ends, dtype=pl.Datetime("us", "UTC")),
                "count": pl.Series([5] * len(values), dtype=pl.Int64),
                "mean": pl.Series(values, dtype=pl.Float64),
                "min": [value - 1.0 for value in values],
                "max": [value + 1.0 for value in values],
                "std": 0.5,
            }
        )
        began = pl.col("window_end") - WINDOW
        for (file,), part in rows.group_by(began.dt.truncate(f"{FILE_SECONDS}s")):
            assert isinstance(file, datetime)
            self._add(f"{file:date=%Y-%m-%d/hour=%H}/p{partition}-{file:%Y%m%dT%H%M%SZ}.parquet", part)

    def _add(self, name: str, rows: pl.DataFrame) -> None:
        held = self.containers.windows.get(name)
        before = [pl.read_parquet(BytesIO(held.data))] if held else []
        file = BytesIO()
        pl.concat([*before, rows]).sort("device", "sensor", "window_end").write_parquet(file)
        self.containers.windows.put(name, file.getvalue())

    def job(self, parts: int = 1, *, csv: bool = False) -> Job:
        """A run over the whole span."""
        return Job("run-1", self.version, START, END, parts, csv)

    def score(self, job: Job, *bounds: int) -> list[PartSummary]:
        """Score every part; its series lie between neighbouring bounds."""
        from scoring_images.anomaly.score import score

        shares = enumerate(pairwise(bounds))
        return [score(job, Part(n, *share), self.containers, FILE_SECONDS) for n, share in shares]

    def predictions(self, job: Job, part: int = 0) -> pl.DataFrame:
        """The rows that a part wrote."""
        blob = self.containers.predictions.get(job.part_name(part, "parquet"))
        assert blob is not None
        return pl.read_parquet(BytesIO(blob.data))

    def report(self, job: Job) -> bytes:
        """The page that merging wrote."""
        blob = self.containers.reports.get(f"{job.run}.html")
        assert blob is not None
        return blob.data
