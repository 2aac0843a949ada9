"""Anomaly detection: plans a run over a span of windows, and works out which spans are due."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import ceil

import msgspec

from shared.anomaly_detection.bundle import Manifest, registry
from shared.anomaly_detection.predictions import folder
from shared.anomaly_detection.span import Span, SpanRun
from shared.compute import Image, Task
from shared.errors import InvalidInput
from shared.readings.dataset import has_windows
from shared.readings.progress import next_hour, progress
from shared.runs.answer import Instant
from shared.runs.driver import Driver
from shared.runs.record import Run
from shared.runs.workload import Request, Workload, as_argument
from shared.settings import Settings
from shared.storage import BlobStore, Storage
from shared.telemetry import log

WORKLOAD = "anomaly"
IMAGE = Image("anomaly")
WINDOW_COST = 300
"""Reading, sorting and writing one window costs as much as evaluating about this many numbers of a model."""
RUNS_PER_TICK = 48


class SpanRequest(Request, frozen=True, tag=WORKLOAD):
    """Score the windows that start in [start, end) with the current bundle."""

    start: Instant
    end: Instant

    def run(self, storage: Storage, settings: Settings, now: datetime) -> Run:
        return backfill_run(storage, self.start, self.end, now)


def plan(run_id: str, params: SpanRun, storage: Storage, settings: Settings) -> Sequence[Task]:
    """The series of the bundle cut into tasks of about TASK_WORK each, and a last task that merges what they found."""

    def task(task_id: str, *arguments: str, needs: Sequence[str] = ()) -> Task:
        return IMAGE.task(task_id, arguments, needs, retries=settings.task_retries, seconds=settings.task_seconds)

    manifest = registry(storage.control("bundles")).manifest(params.bundle)
    chunks = _chunks(manifest, Span(params.start, params.end), settings)
    csv = ("--csv",) if settings.predictions_csv else ()
    common = ("--run", run_id, as_argument(params), "--parts", str(len(chunks)), *csv)
    scores = [
        task(f"score-{part:05d}-of-{len(chunks):05d}", "score", *common, "--part", str(part), *_series(chunk))
        for part, chunk in enumerate(chunks)
    ]
    spare = settings.error_budget_percent > 0  # merge counts what is missing
    scores = [replace(each, optional=spare) for each in scores]
    return [*scores, task("merge", "merge", *common, needs=[each.id for each in scores])]


def outputs(run_id: str, params: SpanRun) -> Sequence[tuple[str, str]]:
    """The report, and the predictions."""
    return [("reports", f"{run_id}.html"), ("predictions", f"{folder(run_id, params.start)}/")]


def _chunks(manifest: Manifest, span: Span, settings: Settings) -> list[range]:
    windows = manifest.series * span.seconds / settings.window_seconds
    work = windows * (WINDOW_COST + manifest.size / 8 / max(1, manifest.series))
    count = max(1, min(manifest.series, ceil(work / max(1, settings.task_work))))
    size = ceil(manifest.series / count)
    return [range(first, min(first + size, manifest.series)) for first in range(0, manifest.series, size)]


def _series(chunk: range) -> tuple[str, ...]:
    return "--first", str(chunk.start), "--last", str(chunk.stop)


def run_for(span: Span, bundle: str, now: datetime, *, backfill: bool = False) -> Run:
    """The run of a span: the same span, the same id. Raises InvalidInput for an empty span.

    A backfill's id names the bundle too, so that it can be repeated with a newer one.
    """
    if span.seconds <= 0:
        raise InvalidInput(
            f"The span {span.start:%Y-%m-%dT%H:%M:%SZ} to {span.end:%Y-%m-%dT%H:%M:%SZ} is empty.",
            "Let it end after it starts.",
        )
    run_id = f"{WORKLOAD}-{span.start:%Y%m%dT%H%M%SZ}-{span.seconds}s"
    if backfill:
        run_id = f"{run_id}-{bundle[:12]}"
    return ANOMALY.run(run_id, SpanRun(bundle, span.start, span.end), now)


def backfill_run(storage: Storage, start: datetime, end: datetime, now: datetime) -> Run:
    """The run that scores [start, end) with the current bundle, whether or not it was scored before.

    Raises InvalidInput where a time has no zone, parts of seconds, or is out of range, the span is empty, or no bundle
    is current.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("A time of the span has no zone.", "Write it like 2026-01-31T10:00:00Z.")
    if not all(1970 < time.year < 9999 for time in (start, end)):
        raise InvalidInput("The span lies outside the years that readings can have.", "They are from 1971 to 9998.")
    if start.microsecond or end.microsecond:  # the run's id names whole seconds
        raise InvalidInput("A time of the span has parts of seconds.", "Windows begin at whole ones.")
    bundle = registry(storage.control("bundles")).current()
    if bundle is None:
        raise InvalidInput("There is no bundle to score with.", "Train one: `tally train anomaly`.")
    return run_for(Span(start.astimezone(UTC), end.astimezone(UTC)), bundle, now, backfill=True)


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where spans were handed out, and the last that were, with their bundle: a commitment to start them."""

    until: datetime
    spans: list[Span]
    bundle: str


def start_due_runs(driver: Driver, storage: Storage, settings: Settings) -> list[str]:
    """Start a run for every span whose windows are complete; the ids of those started.

    The mark of what was handed out is replaced under its ETag before anything starts, and what it holds is started
    again first: missed ticks are caught up, and nothing is scored twice or left out, wherever a tick is cut off.
    """
    marks = storage.control("runs")
    blob = marks.get(f"marks/{WORKLOAD}")
    mark = msgspec.json.decode(blob.data, type=Mark) if blob else Mark(datetime.fromtimestamp(0, UTC), [], "")
    started = _start(driver, mark)
    due = _due(driver, storage, settings, mark.until)
    if due.spans:
        etag = blob.etag if blob else None
        marks.put(f"marks/{WORKLOAD}", msgspec.json.encode(due), etag=etag, new=blob is None)
    return started + _start(driver, due)


def _start(driver: Driver, mark: Mark) -> list[str]:
    runs = [run_for(span, mark.bundle, driver.now()) for span in mark.spans]
    return [run.id for run in runs if driver.start(run)]


def _due(driver: Driver, storage: Storage, settings: Settings, since: datetime) -> Mark:
    bundle = registry(storage.control("bundles")).current()
    come = progress(storage.control("ingest"), settings.event_hub_name)
    if bundle is None or come is None:
        log("nothing to score yet", readings="" if come else "none", bundle=bundle or "none")
        return Mark(since, [], "")
    pause = driver.now() - come.last_arrival
    silent = not come.unfinished and pause > timedelta(seconds=settings.idle_seconds)
    seconds = settings.scoring_span_seconds
    found = due_spans(storage.data("windows"), since, come.sealed_until, seconds, silent=silent)
    spans = list(islice(found, RUNS_PER_TICK))
    return Mark(spans[-1].end if spans else since, spans, bundle)


def due_spans(windows: BlobStore, since: datetime, sealed: datetime, seconds: int, *, silent: bool) -> Iterator[Span]:
    """The spans with windows from `since` on: those that end at a multiple of `seconds`, and, where the stream fell
    silent, the one it stopped in as far as it goes.
    """
    while (hour := next_hour(windows, since, sealed)) is not None:
        start = max(since, hour)
        whole = _aligned(start, seconds) + timedelta(seconds=seconds)
        if start >= sealed or (whole > sealed and not silent):
            return
        span = Span(start, min(whole, sealed))
        if has_windows(windows, span.start, span.end):
            yield span
        since = span.end


def _aligned(moment: datetime, seconds: int) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def subject(params: SpanRun) -> str:
    """The span."""
    return " to ".join(f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}" for time in (params.start, params.end))


ANOMALY = Workload(
    name=WORKLOAD,
    image=IMAGE,
    params=SpanRun,
    plan=plan,
    outputs=outputs,
    subject=subject,
    request=SpanRequest,
    start_due=start_due_runs,
    command="tally backfill",
)
