"""The first task: keeps the video as it is now, looks at every frame of it, and settles how it will be styled."""

from pathlib import Path

import msgspec

from scoring_images.style_transfer.job import Index, Order, Work
from scoring_images.style_transfer.video import Limits, Video, probe
from shared.errors import Conflict, InvalidInput
from shared.settings import Settings
from shared.storage import BlobFile, BlobInfo, BlobStore, Storage
from shared.style_transfer.styles import read_style
from shared.telemetry import Stages

STYLES = Path(__file__).parent / "styles"


def split(order: Order, storage: Storage, settings: Settings) -> None:
    """Copy the video, probe it, write the index; nothing where that was done before.

    Raises InvalidInput where the video is gone, was replaced, cannot be styled, or the style does not exist.
    """
    work, stages = Work.of(storage, order.run), Stages()
    if work.published or work.store.info(work.name("index.json")) is not None:
        print("split before")
        return
    uploaded = _uploaded(storage.data("videos"), order)
    style = read_style(order.style, STYLES, storage.control("bundles"))
    work.store.put(work.name("network.onnx"), style.content)
    with stages.stage("copy"):
        _copy(storage.data("videos"), uploaded, work)
    with stages.stage("probe"):
        video = probe(work.source(), limits(settings))
    check_whole(video, strict=order.strict)
    index = Index(order, video, uploaded.modified, style.version)
    work.store.put(work.name("index.json"), msgspec.json.encode(index))
    print(f"{len(video.timestamps)} frames of {video.width}x{video.height}, style {order.style} {style.version}")


def limits(settings: Settings) -> Limits:
    """What a video may have at most."""
    return Limits(settings.video_max_pixels, settings.video_max_frames)


def _uploaded(videos: BlobStore, order: Order) -> BlobInfo:
    found = videos.info(order.video)
    if found is None:
        raise InvalidInput(f"The video {order.video!r} was deleted before it was read.")
    if found.etag.strip('"') != order.etag:
        raise InvalidInput(f"The video {order.video!r} was replaced since; its new version has a run of its own.")
    return found


def _copy(videos: BlobStore, uploaded: BlobInfo, work: Work) -> None:
    try:
        with BlobFile(videos, uploaded) as film:
            work.store.put(work.name("source"), film)
    except Conflict as error:
        raise InvalidInput(f"The video {uploaded.name!r} was replaced or deleted while it was read.") from error


def check_whole(video: Video, *, strict: bool) -> None:
    """Say what is damaged; raises InvalidInput for that where `strict`."""
    if not video.missing:
        return
    problem = f"{video.missing} of {video.missing + len(video.timestamps)} frames are damaged or missing"
    if strict:
        raise InvalidInput(f"{problem}.", "STRICT_VIDEO=false styles the others.")
    print(f"Warning: {problem}; the others are styled.")
