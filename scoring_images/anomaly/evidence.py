"""Gathers what the report shows of the worst series: their windows, their scores, and when they were flagged."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from scoring_images.anomaly.axis import Ints, seconds_after
from scoring_images.anomaly.figure import Panel, ScoreTrack, SeriesFigure
from scoring_images.anomaly.job import Job
from scoring_images.anomaly.ranking import Pairs, PartRows, time_bin
from scoring_images.anomaly.spans import SeriesIndex, Span
from scoring_images.anomaly.summary import SeriesSummary
from scoring_images.anomaly.tables import RIBBON_BINS
from shared.anomaly_detection.one_class_svm import PackedModels


def ribbons(parts: PartRows, worst: Sequence[SeriesSummary]) -> tuple[Ints, ...]:
    """Per series the bins of the span, of RIBBON_BINS, in which it was flagged; ascending."""
    index = SeriesIndex.of([(series.device, series.sensor) for series in worst])
    bins = time_bin(parts.job, RIBBON_BINS)
    found = []
    for rows in parts:
        flagged = rows.filter(pl.col("prediction") == 1).select("device", "sensor", bins).unique()
        found.append(index.number(flagged.collect(engine="streaming"), ["bin"]))
    return tuple(rows["bin"].to_numpy().astype(np.int64) for rows in _split(found, len(worst), "bin"))


def figures(
    parts: PartRows, span: Span, models: PackedModels, names: Pairs, shown: Sequence[SeriesSummary]
) -> tuple[SeriesFigure, ...]:
    """A figure of each series: its scores from the predictions, its values from the windows."""
    if not shown:
        return ()
    tracks = _tracks(parts, shown)
    sensors_of = {name: sensors for name, (_, sensors) in zip(names, models.names, strict=True)}
    sensors = [sensors_of[series.device, series.sensor] for series in shown]
    panels = iter(_panels(span, parts.job, shown, sensors))
    return tuple(
        SeriesFigure(series, tuple(next(panels) for _ in each), track)
        for series, each, track in zip(shown, sensors, tracks, strict=True)
    )


def _tracks(parts: PartRows, shown: Sequence[SeriesSummary]) -> list[ScoreTrack]:
    index = SeriesIndex.of([(series.device, series.sensor) for series in shown])
    wanted = pl.col("device").is_in([series.device for series in shown])
    columns = ["window_end", "score", "prediction"]
    found = [index.number(rows.filter(wanted).collect(engine="streaming"), columns) for rows in parts]
    return [
        ScoreTrack(_seconds(rows, parts.job), rows["score"].to_numpy(), rows["prediction"].to_numpy() == 1, 0.0)
        for rows in _split(found, len(shown), "window_end")
    ]


def _panels(span: Span, job: Job, shown: Sequence[SeriesSummary], sensors: Sequence[tuple[str, ...]]) -> list[Panel]:
    pairs = [(series.device, name) for series, names in zip(shown, sensors, strict=True) for name in names]
    found = span.read(SeriesIndex.of(pairs), ["mean", "min", "max"])
    split = _split([found], len(pairs), "window_end")
    return [_panel(name, rows, job) for (_, name), rows in zip(pairs, split, strict=True)]


def _panel(sensor: str, rows: pl.DataFrame, job: Job) -> Panel:
    mean, low, high = (rows[column].to_numpy() for column in ("mean", "min", "max"))
    return Panel(sensor, _seconds(rows, job), mean, low, high)


def _seconds(rows: pl.DataFrame, job: Job) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return seconds_after(job.start, rows["window_end"].dt.replace_time_zone(None).to_numpy())


def _split(found: Sequence[pl.DataFrame], count: int, order: str) -> list[pl.DataFrame]:
    """The rows of each of `count` series, sorted by `order`."""
    rows = pl.concat(found).sort("pair", order)
    bounds = np.searchsorted(rows["pair"].to_numpy(), np.arange(count + 1)).tolist()
    return [rows[first:last] for first, last in pairwise(bounds)]
