"""The last task: joins the segments, looks at the result, publishes it with its pictures and its report."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import msgspec

from scoring_images.style_transfer.job import Index, SegmentReport, Work
from scoring_images.style_transfer.join import join
from scoring_images.style_transfer.pictures import poster, sheet
from scoring_images.style_transfer.publish import Publisher
from shared.errors import NotFound
from shared.storage import Storage
from shared.style_transfer.workload import RESULTS, VideoRun, result_name
from shared.telemetry import Stages


class Report(VideoRun, frozen=True, kw_only=True):
    """What became of a video: `VIDEO.json` beside the styled one. `seconds` are added up over all segments."""

    run: str
    uploaded: datetime
    style_version: str
    frames: int
    missing_frames: int
    width: int
    height: int
    duration: float
    provider: str
    flicker: float | None
    frames_per_second: float
    seconds: dict[str, float]
    streams: Sequence[str]


def finish(run: str, storage: Storage) -> None:
    """Publish a run's result; nothing where that was done before. Raises NotFound where a segment is missing."""
    work, stages = Work.of(storage, run), Stages()
    if work.published:
        work.close()
        print("published before")
        return
    index = work.index()
    reports = [_report(work, number) for number in range(index.order.segments)]
    with TemporaryDirectory(prefix="tally-") as place:
        folder = Path(place)
        source = folder / "source"
        with stages.stage("fetch"), work.source() as film, source.open("wb") as copy:
            shutil.copyfileobj(film, copy)
        with stages.stage("join"):
            joined = join(_segments(work, reports), source, index.video, folder)
        with stages.stage("pictures"):
            poster(joined.path, index.video, folder / "poster.jpg")
            with source.open("rb") as film:
                sheet(film, joined.path, index.video, folder / "sheet.jpg")
        report = summary(index, reports, joined.streams, stages.seconds)
        with stages.stage("publish"):
            publish(_publisher(storage, index), folder, report)
    work.close()
    print(f"styled/{result_name(index.order.video)!r}: {report.frames} frames, {report.missing_frames} missing")


def _publisher(storage: Storage, index: Index) -> Publisher:
    order = index.order
    styled, videos = storage.data("styled"), storage.data("videos")
    return Publisher(styled, videos, order.video, order.etag, order.run, index.modified)


def publish(publisher: Publisher, folder: Path, report: Report) -> None:
    """Put the results under their names, the report last."""
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    for file, ending in zip(("joined.mp4", "poster.jpg", "sheet.jpg", "report.json"), RESULTS, strict=True):
        with (folder / file).open("rb") as content:
            if not publisher.put(result_name(report.video, ending), content):
                print("There is a result of a newer upload already: this one is left out.")
                return


def summary(
    index: Index, reports: Sequence[SegmentReport], streams: Sequence[str], seconds: dict[str, float]
) -> Report:
    """The report of a whole video from those of its segments."""
    order, video = index.order, index.video
    spent: dict[str, float] = {}
    for report in reports:
        for stage, part in report.seconds.items():
            spent[stage] = round(spent.get(stage, 0.0) + part, 3)
    flicker = [value for report in reports for value in report.flicker]
    frames, busy = sum(report.frames for report in reports), sum(spent.values())
    return Report(
        **{name: getattr(order, name) for name in VideoRun.__struct_fields__},
        run=order.run,
        uploaded=index.modified,
        style_version=index.style_version,
        frames=frames,
        missing_frames=video.missing,
        width=video.width,
        height=video.height,
        duration=video.duration,
        provider=", ".join(sorted({report.provider for report in reports})),
        flicker=round(mean(flicker), 3) if flicker else None,
        frames_per_second=round(frames / busy, 3) if busy else 0.0,
        seconds=spent | seconds,
        streams=streams,
    )


def _report(work: Work, number: int) -> SegmentReport:
    report = work.report(number)
    if report is None:
        raise NotFound(f"Segment {number} of run {work.run} has not been styled.", "Style it, then join again.")
    return report


def _segments(work: Work, reports: Sequence[SegmentReport]) -> Iterator[BytesIO]:
    for number, report in enumerate(reports):
        if report.frames:
            blob = work.store.get(work.segment(number, "mkv"))
            yield BytesIO(blob.data if blob else b"")
