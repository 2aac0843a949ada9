"""Video style transfer: makes a run of an uploaded video, and plans its tasks: split, stylize side by side, join."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from shared.compute import Task
from shared.errors import InvalidInput, NotFound
from shared.runs.driver import Driver
from shared.runs.record import Run
from shared.settings import Settings
from shared.storage import BlobInfo, Storage
from shared.storage.names import check_name
from shared.telemetry import log

WORKLOAD = "style"
VIDEOS = "videos"
MAX_SEGMENTS = 100
RESULTS = (".mp4", ".jpg", "-sheet.jpg", ".json")
"""How the names of a video's results end; the report, which is written last, comes last."""
STYLE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Options:
    """How a video is to be styled; None leaves it to the upload's metadata, then to the settings."""

    style: str | None = None
    crf: int | None = None
    steady: bool | None = None
    segments: int | None = None

    def __post_init__(self) -> None:
        if self.style is not None and not STYLE.fullmatch(self.style):
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


@dataclass(frozen=True, slots=True)
class StyleWorkload:
    """A task that splits, as many that stylize as there are segments, and one that joins."""

    settings: Settings

    def plan(self, run_id: str, params: Mapping[str, str]) -> Sequence[Task]:
        if "problem" in params:
            raise InvalidInput(params["problem"])
        segments = int(params["segments"])
        video = (
            *(f"--video={quote(params['video'])}", f"--etag={quote(params['etag'])}"),  # "=": it may begin with "-"
            *(f"--style={params['style']}", "--crf", params["crf"], "--segments", params["segments"]),
            *(("--steady",) if params["steady"] == "true" else ()),
            *(("--strict",) if self.settings.strict_video else ()),
        )
        stylize = [
            self._task(
                f"stylize-{n:05d}-of-{segments:05d}", ("stylize", "--run", run_id, "--segment", str(n)), ("split",)
            )
            for n in range(segments)
        ]
        return [
            self._task("split", ("split", "--run", run_id, *video)),
            *stylize,
            self._task("join", ("join", "--run", run_id), tuple(task.id for task in stylize)),
        ]

    def outputs(self, run_id: str, params: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        return [("styled", result_name(params["video"], ending)) for ending in RESULTS]

    def _task(self, task_id: str, arguments: tuple[str, ...], needs: tuple[str, ...] = ()) -> Task:
        command = ("python", "-m", "scoring_images.style_transfer", *arguments)
        return Task(task_id, "style_transfer", command, needs, self.settings.task_retries, self.settings.task_seconds)


def run_for(video: BlobInfo, settings: Settings, now: datetime, asked: Options | None = None) -> Run:
    """The run of a version of a video: the same container, name and ETag, the same id.

    The id of a run that somebody asked for with options names those too, so that one video can have several.
    Raises InvalidInput where the upload's metadata cannot be used.
    """
    asked = asked or Options()
    options = asked.over(Options.of_metadata(video.metadata)).over(_defaults(video, settings))
    params = {
        "video": video.name,
        "etag": video.etag.strip('"'),
        "style": str(options.style),
        "crf": str(options.crf),
        "steady": str(options.steady).lower(),
        "segments": str(options.segments),
    }
    run_id = run_id_of(video.name, video.etag, "" if asked == Options() else repr(asked))
    return Run(id=run_id, workload=WORKLOAD, params=params, created=now, updated=now)


def _defaults(video: BlobInfo, settings: Settings) -> Options:
    segments = min(MAX_SEGMENTS, 1 + video.size // max(1, settings.video_segment_bytes))
    return Options(settings.style, settings.style_crf, settings.style_steady, segments)


def run_id_of(name: str, etag: str, asked: str = "") -> str:
    """The id of the run of a version of a blob in `videos`: its name as far as ids may show it, and a hash."""
    cause = "\0".join((VIDEOS, name, etag.strip('"'), asked))
    shown = re.sub("[^a-z0-9]+", "-", name.rpartition("/")[2].rpartition(".")[0].lower()).strip("-")[:24]
    return "-".join(filter(None, (WORKLOAD, shown, hashlib.sha256(cause.encode()).hexdigest()[:16])))


def start(driver: Driver, storage: Storage, settings: Settings, name: str, etag: str = "") -> str | None:
    """Start the run of a video as it is now; its id, or None where it is gone or no longer the version named.

    An upload whose name or metadata cannot be used has a run too: it fails, and says why. A folder of a hierarchical
    account has none.
    """
    try:
        check_names(name)
    except InvalidInput as error:
        return _start_failing(driver, name, etag, error)
    video = storage.data(VIDEOS).info(name)
    if video is None or (etag and etag.strip('"') != video.etag.strip('"')):
        log("upload passed over: it is gone, or was replaced since", video=repr(name), etag=etag)
        return None
    if is_folder(video):
        return None
    try:
        run = run_for(video, settings, driver.now())
    except InvalidInput as error:
        return _start_failing(driver, name, video.etag, error)
    driver.start(run)
    return run.id


def _start_failing(driver: Driver, name: str, etag: str, error: InvalidInput) -> str:
    run_id, now = run_id_of(name, etag), driver.now()
    params = {"video": name, "problem": str(error)}
    driver.start(Run(id=run_id, workload=WORKLOAD, params=params, created=now, updated=now))
    return run_id


def check_names(video: str) -> None:
    """Raise InvalidInput where a video or one of its results has a name that storage does not take."""
    for name in (video, *(result_name(video, ending) for ending in RESULTS)):
        check_name(name)


def result_name(video: str, ending: str = ".mp4") -> str:
    """The blob of a result: the video's own name, its `.mp4` given up for the ending; other endings stay in it."""
    return video.removesuffix(".mp4") + ending


def is_folder(video: BlobInfo) -> bool:
    """Whether it is no video but a folder of a hierarchical account, which the blob service shows as an empty blob."""
    return video.metadata.get("hdi_isfolder", "").lower() == "true"


def asked_run(storage: Storage, settings: Settings, name: str, asked: Options, now: datetime) -> Run:
    """The run of a video that somebody asks for; raises NotFound, InvalidInput."""
    check_names(name)
    video = storage.data(VIDEOS).info(name)
    if video is None or is_folder(video):
        raise NotFound(f"There is no video {name!r} in the container {VIDEOS}.", "Upload it first.")
    return run_for(video, settings, now, asked)


GRACE = timedelta(seconds=30)
"""How long an upload's own event has to come before a sweep starts its run."""


def sweep_uploads(driver: Driver, storage: Storage, settings: Settings) -> list[str]:
    """Start a run for every upload that has none: its event was lost, or there is nobody to send events.

    Empty blobs are passed over: in hierarchical accounts they are folders, and files whose upload has only begun.
    """
    old = driver.now() - GRACE
    uploads = [video for video in storage.data(VIDEOS).list() if video.size and video.modified < old]
    if not uploads:
        return []
    known = driver.store.ids(f"{WORKLOAD}-")
    missed = [video for video in uploads if run_id_of(video.name, video.etag) not in known]
    return [run_id for video in missed if (run_id := start(driver, storage, settings, video.name, video.etag))]
