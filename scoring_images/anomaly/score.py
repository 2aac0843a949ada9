"""Scores a part of a run: the windows of its models in, their predictions out."""

from datetime import timedelta

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from scoring_images.anomaly.job import Containers, Job, Part, PartSummary
from scoring_images.anomaly.predictions import predictions, to_csv, to_parquet
from scoring_images.anomaly.rows import RowTable, lay_out, pairs_of
from scoring_images.anomaly.spans import SeriesIndex, Span
from shared.anomaly_detection.bundle import read_bundle
from shared.anomaly_detection.features import FeatureSpec, features
from shared.anomaly_detection.kernel import decision_values
from shared.anomaly_detection.one_class_svm import PackedModels
from shared.errors import InvalidInput
from shared.storage import BlobStore
from shared.telemetry import Stages

HISTORY_FILES = 5
"""How far back rows before the span are looked for: after longer silence the mean of the last rows begins anew."""

type Pairs = list[tuple[str, str]]


def score(job: Job, part: Part, containers: Containers, file_seconds: int) -> PartSummary:
    """Write the predictions of a part, then its summary; the same inputs give the same rows, byte for byte.

    `file_seconds` is how much time a file of windows holds. Raises BundleError for a missing or damaged bundle, and
    InvalidInput for models that it does not have.
    """
    stages = Stages()
    with stages.stage("load models"):
        bundle = read_bundle(containers.bundles, job.bundle)
        spec = FeatureSpec.from_dict(bundle.manifest.features)
        models = _share(bundle.models, part)
    with stages.stage("read windows"):
        strangers_to = bundle.models if part.number == 0 else None
        table, unknown = _read(containers.windows, job, file_seconds, models, strangers_to)
    with stages.stage("score"):
        scores = score_rows(models, table, spec)
    with stages.stage("write"):
        _write(containers, job, part, predictions(models, spec.per, table, scores))
    summary = _summary(job, part, table, scores, unknown, stages.seconds)
    containers.predictions.put(job.part_name(part.number, "json"), msgspec.json.encode(summary))
    return summary


def _share(models: PackedModels, part: Part) -> PackedModels:
    if not 0 <= part.first <= part.last <= len(models):
        raise InvalidInput(
            f"Series {part.first} to {part.last} are asked for, but the bundle has {len(models)}.",
            "Plan the run again for this bundle.",
        )
    return models[part.first : part.last]


def _read(
    store: BlobStore, job: Job, file_seconds: int, models: PackedModels, every_model: PackedModels | None
) -> tuple[RowTable, Pairs]:
    """The rows of the models; given all models of the bundle, also the series of the span that have none."""
    known = SeriesIndex.of(pairs_of(every_model)) if every_model is not None else None
    strangers: list[pl.DataFrame] = []

    def look_for_strangers(rows: pl.DataFrame) -> None:
        if known is not None:
            strangers.append(known.others(rows.filter(pl.col("window_end") > pl.lit(job.start))))

    before = job.start - timedelta(seconds=HISTORY_FILES * file_seconds)
    windows = Span(store, before, job.end).read(SeriesIndex.of(pairs_of(models)), ["mean"], look_for_strangers)
    unknown = pl.concat(strangers).unique().sort("device", "sensor").rows() if strangers else []
    return lay_out(models, windows, job.start), unknown


def score_rows(models: PackedModels, table: RowTable, spec: FeatureSpec) -> NDArray[np.float64]:
    """The score of every row: decision value less threshold, below 0 an anomaly."""
    scores = np.empty(len(table.ends))
    for chunk in table.chunks():
        part = models[chunk.first : chunk.last]
        wandering = part.wandering.reshape(len(part), -1)
        x = features(chunk.values, chunk.offsets, wandering, spec.mean_rows)
        thresholds = np.repeat(part.thresholds, np.diff(chunk.offsets))
        scores[chunk.rows] = decision_values(part, x, chunk.offsets) - thresholds
    return scores


def _write(containers: Containers, job: Job, part: Part, rows: pl.LazyFrame) -> None:
    containers.predictions.put(job.part_name(part.number, "parquet"), to_parquet(rows))
    if job.csv:
        containers.predictions.put(job.part_name(part.number, "csv"), to_csv(rows))


def _summary(
    job: Job, part: Part, table: RowTable, scores: NDArray[np.float64], unknown: Pairs, seconds: dict[str, float]
) -> PartSummary:
    totals = np.append(0, np.cumsum(table.scored))
    return PartSummary(
        run=job.run,
        bundle=job.bundle,
        start=job.start,
        end=job.end,
        part=part.number,
        first=part.first,
        last=part.last,
        series=int((np.diff(totals[table.offsets]) > 0).sum()),
        windows=int(totals[-1]),
        flagged=int((scores[table.scored] < 0).sum()),
        skipped=table.skipped,
        without_model=unknown,
        seconds=seconds,
    )
