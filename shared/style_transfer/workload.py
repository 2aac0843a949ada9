"""Video style transfer: what a run of a video is told, and its tasks: split, stylize side by side, join."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated

import msgspec

from shared.compute import Image, Node, Task
from shared.errors import InvalidInput, NotFound
from shared.runs.record import Run
from shared.runs.uploads import is_folder, run_id_of
from shared.runs.workload import Request, Uploads, Workload, as_argument
from shared.settings import Settings
from shared.storage import BlobInfo, Storage
from shared.storage.names import check_name

WORKLOAD = "style"
VIDEOS = "videos"
IMAGE = Image("style_transfer", Node.GPU)
MAX_SEGMENTS = 100
RESULTS = (".mp4", ".jpg", "-sheet.jpg", ".json")
"""How the names of a video's results end; the report, which is written last, comes last."""
STYLE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Options:
    """How a video is to be styled; None leaves it to the upload's metadata, then to the settings."""

    style: str | None = None
    crf: int | None = None
    steady: bool | None = None
    segments: int | None = None

    def __post_init__(self) -> None:
        if self.style is not None and not STYLE_NAME.fullmatch(self.style):
            raise InvalidInput(f"{self.style!r} cannot be a style.", "Use lower-case letters, digits and '-'.")
        if self.crf is not None and not 0 <= self.crf <= 51:
            raise InvalidInput(f"crf is {self.crf}.", "It is a number from 0 (lossless) to 51 (the worst).")
        if self.segments is not None and not 1 <= self.segments <= MAX_SEGMENTS:
            raise InvalidInput(f"segments is {self.segments}.", f"It is a number from 1 to {MAX_SEGMENTS}.")

    @classmethod
    def of_metadata(cls, metadata: Mapping[str, str]) -> "Options":
        """Those that a blob's metadata holds (`style`, `crf`, `steady`, `segments`); raises InvalidInput."""
        held = {name.lower(): text.strip() for name, text in metadata.items()}
        return cls(
            held.get("style") or None,
            _number("crf", held.get("crf")),
            _truth("steady", held.get("steady")),
            _number("segments", held.get("segments")),
        )

    def over(self, other: "Options") -> "Options":
        """These options, and the other's where these say nothing."""
        names = ("style", "crf", "steady", "segments")
        return Options(*(getattr(other if getattr(self, name) is None else self, name) for name in names))


def _number(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,4}", text):
        raise InvalidInput(f"The upload's metadata says {name}={text!r}, which is not a number.")
    return int(text)


def _truth(name: str, text: str | None) -> bool | None:
    if not text:
        return None
    if text.lower() not in _TRUTH:
        raise InvalidInput(f"The upload's metadata says {name}={text!r}, which is neither true nor false.")
    return _TRUTH[text.lower()]


class VideoRun(msgspec.Struct, frozen=True):
    """What a run is told: how to style which version of a video."""

    video: str
    etag: str
    style: str
    crf: int
    steady: bool
    segments: int


Style = Annotated[str, msgspec.Meta(pattern=f"^{STYLE_NAME.pattern}$")]
Crf = Annotated[int, msgspec.Meta(ge=0, le=51, description="From 0 (lossless) to 51 (the worst).")]
Segments = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEGMENTS)]


class VideoRequest(Request, frozen=True, tag=WORKLOAD):
    """Style a video of the container `videos`; what is left out comes from its metadata, then from the settings."""

    video: Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": 1024})]  # storage names say why
    style: Style | None = None
    crf: Crf | None = None
    steady: bool | None = None
    segments: Segments | None = None

    def run(self, storage: Storage, settings: Settings, now: datetime) -> Run:
        return asked_run(storage, settings, self.video, Options(self.style, self.crf, self.steady, self.segments), now)


def plan(run_id: str, params: VideoRun, storage: Storage, settings: Settings) -> Sequence[Task]:
    """A task that splits, as many that stylize as there are segments, and one that joins."""

    def task(task_id: str, arguments: Sequence[str], needs: Sequence[str] = ()) -> Task:
        return IMAGE.task(task_id, arguments, needs, retries=settings.task_retries, seconds=settings.task_seconds)

    strict = ("--strict",) if settings.strict_video else ()
    stylize = [
        task(f"stylize-{n:05d}-of-{params.segments:05d}", ("stylize", "--run", run_id, "--segment", str(n)), ("split",))
        for n in range(params.segments)
    ]
    return [
        task("split", ("split", "--run", run_id, as_argument(params), *strict)),
        *stylize,
        task("join", ("join", "--run", run_id), [each.id for each in stylize]),
    ]


def outputs(run_id: str, params: VideoRun) -> Sequence[tuple[str, str]]:
    """The styled video, its pictures and its report."""
    return [("styled", result_name(params.video, ending)) for ending in RESULTS]


def params_of(video: BlobInfo, settings: Settings, asked: Options | None = None) -> VideoRun:
    """What the run of a video is told; raises InvalidInput where the upload's metadata cannot be used."""
    options = (asked or Options()).over(Options.of_metadata(video.metadata))
    segments = min(MAX_SEGMENTS, 1 + video.size // max(1, settings.video_segment_bytes))
    return VideoRun(
        video.name,
        video.etag.strip('"'),
        options.style or settings.style,
        settings.style_crf if options.crf is None else options.crf,
        settings.style_steady if options.steady is None else options.steady,
        options.segments or segments,
    )


def asked_run(storage: Storage, settings: Settings, name: str, asked: Options, now: datetime) -> Run:
    """The run of a video that somebody asks for; raises NotFound, InvalidInput.

    The id of a run that is asked for with options names those too, so that one video can have several.
    """
    check_names(name)
    video = storage.data(VIDEOS).info(name)
    if video is None or is_folder(video):
        raise NotFound(f"There is no video {name!r} in the container {VIDEOS}.", "Upload it first.")
    options = "" if asked == Options() else repr(asked)
    return STYLE.run(run_id_of(WORKLOAD, VIDEOS, name, video.etag, options), params_of(video, settings, asked), now)


def check_names(video: str) -> None:
    """Raise InvalidInput where a video or one of its results has a name that storage does not take."""
    for name in (video, *(result_name(video, ending) for ending in RESULTS)):
        check_name(name)


def result_name(video: str, ending: str = ".mp4") -> str:
    """The blob of a result: the video's own name, its `.mp4` given up for the ending; other endings stay in it."""
    return video.removesuffix(".mp4") + ending


STYLE = Workload(
    name=WORKLOAD,
    image=IMAGE,
    params=VideoRun,
    plan=plan,
    outputs=outputs,
    subject=attrgetter("video"),
    request=VideoRequest,
    example={"workload": WORKLOAD, "video": "clip.mp4", "style": "candy", "crf": 24},
    uploads=Uploads(container=VIDEOS, member="video", params=params_of, check_name=check_names),
    command="tally upload",
)
