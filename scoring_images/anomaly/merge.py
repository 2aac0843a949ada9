"""Merges the parts of a run: checks that all are there, adds up their counts, and writes summary and report."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from scoring_images.anomaly.evidence import figures, ribbons
from scoring_images.anomaly.job import Containers, Job, PartSummary, read_part
from scoring_images.anomaly.ranking import PartRows, Ranking, rank
from scoring_images.anomaly.report import Report, render
from scoring_images.anomaly.rows import names_of
from scoring_images.anomaly.spans import Span
from scoring_images.anomaly.summary import SeriesSummary, StageSeconds, Summary
from shared.anomaly_detection.bundle import read_bundle
from shared.anomaly_detection.features import FeatureSpec
from shared.anomaly_detection.one_class_svm import PackedModels
from shared.errors import InvalidInput, NotFound
from shared.storage import BlobStore
from shared.telemetry import Stages

LISTED = 500
PLOTTED = 40
CLOSE_CALLS = 6
NAMES_KEPT = 10_000


def merge(
    job: Job, containers: Containers, estimate: Callable[[float], str] = lambda _: "", budget_percent: int = 0
) -> Summary:
    """Write `summary.json` beside the predictions and the report `<run>.html`; repeating it replaces both.

    `estimate` says in words what so many seconds of tasks cost, or nothing; `budget_percent` of the parts may miss.
    Raises NotFound for a part that is missing, InvalidInput for parts that do not belong together, and BundleError.
    """
    stages = Stages()
    with stages.stage("load models"):
        bundle = read_bundle(containers.bundles, job.bundle)
        models = bundle.models
        names = names_of(models, FeatureSpec.from_dict(bundle.manifest.features).per)
        parts = _parts(containers.predictions, job, budget_percent)
        _check(job, parts, models)
    rows = PartRows(containers.predictions, job, [part.part for part in parts])
    with stages.stage("rank series"):
        ranking = rank(rows, models, names, LISTED)
        summary = summarise(job, parts, ranking, len(models))
        spent = sum(stage.total for stage in summary.seconds.values())
        summary = replace(summary, cost=estimate(spent))
    with stages.stage("draw report"):
        span = Span(containers.windows, job.start, job.end)
        plotted = figures(rows, span, models, names, plotted_series(ranking.worst))
        timeline = ranking.timeline.astype(float)
        page = render(Report(summary, plotted, ribbons(rows, ranking.worst), timeline))
    with stages.stage("write"):
        containers.predictions.put(f"{job.folder}/summary.json", msgspec.json.format(msgspec.json.encode(summary)))
        containers.reports.put(f"{job.run}.html", page)
        _clear(containers.predictions, job)
    return summary


def _clear(predictions: BlobStore, job: Job) -> None:
    """Remove what an earlier attempt left that was cut into more parts than this one."""
    kept = {job.part_name(number, kind) for number in range(job.parts) for kind in ("parquet", "csv", "json")}
    for blob in list(predictions.list(f"{job.folder}/part-")):
        if blob.name not in kept:
            predictions.delete(blob.name)


def _parts(store: BlobStore, job: Job, budget_percent: int) -> list[PartSummary]:
    """The parts that are there; raises NotFound for the first one that is missing beyond the budget."""
    found: list[PartSummary] = []
    spare = min(job.parts * budget_percent // 100, job.parts - 1)
    for number in range(job.parts):
        try:
            found.append(read_part(store, job, number))
        except NotFound:
            spare -= 1
            if spare < 0:
                raise
    return found


def _check(job: Job, parts: Sequence[PartSummary], models: PackedModels) -> None:
    first, number = 0, 0
    for part in parts:
        if part.first != first and part.part == number:
            raise InvalidInput(f"Part {part.part} begins with series {part.first}, not {first}.", "Plan the run again.")
        first, number = part.last, part.part + 1
    if first != len(models) and number == job.parts:
        raise InvalidInput(f"The parts end with series {first} of {len(models)}.", "Plan the run again.")


def summarise(job: Job, parts: Sequence[PartSummary], ranking: Ranking, models: int) -> Summary:
    """The parts' counts added up."""
    unknown = [name for part in parts for name in part.without_model]
    missing = models - sum(part.last - part.first for part in parts)
    return Summary(
        run=job.run,
        bundle=job.bundle,
        start=job.start,
        end=job.end,
        parts=job.parts,
        windows=sum(part.windows for part in parts),
        flagged=sum(part.flagged for part in parts),
        skipped=sum(part.skipped for part in parts),
        series=ranking.series,
        series_flagged=ranking.series_flagged,
        series_silent=models - missing - ranking.series,
        without_model_total=len(unknown),
        without_model=tuple(unknown[:NAMES_KEPT]),
        seconds=_seconds(parts),
        worst=ranking.worst,
        parts_missing=job.parts - len(parts),
        series_missing=missing,
    )


def _seconds(parts: Sequence[PartSummary]) -> dict[str, StageSeconds]:
    names = dict.fromkeys(name for part in parts for name in part.seconds)
    return {name: _stage(part.seconds.get(name, 0.0) for part in parts) for name in names}


def _stage(seconds: Iterable[float]) -> StageSeconds:
    each = list(seconds)
    return StageSeconds(round(sum(each), 6), max(each))


def plotted_series(worst: Sequence[SeriesSummary]) -> Sequence[SeriesSummary]:
    """The flagged ones at the head of the list; where nothing was flagged, a few that came closest."""
    flagged = [series for series in worst if series.flagged]
    return flagged[:PLOTTED] or worst[:CLOSE_CALLS]
