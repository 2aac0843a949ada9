"""What the tasks of a style run leave for each other, and where: the container `work` of the control account."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from scoring_images.style_transfer.video import Video
from shared.errors import NotFound
from shared.storage import BlobFile, BlobStore, Storage
from shared.style_transfer.workload import VideoRun


class Order(VideoRun, frozen=True, kw_only=True):
    """What a run was told to do with which version of a video, and whether damaged ones are refused."""

    run: str
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """What `split` found out: the video frame by frame, when it was uploaded, and which style network is used."""

    order: Order
    video: Video
    modified: datetime
    style_version: str


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What `stylize` did with a segment: seconds per stage, and the flicker of some pairs of frames, in grey levels."""

    frames: int
    seconds: dict[str, float]
    provider: str
    flicker: list[float]


@dataclass(frozen=True, slots=True)
class Work:
    """The blobs that the tasks of one run share; `join` removes them in the end."""

    store: BlobStore
    run: str

    @classmethod
    def of(cls, storage: Storage, run: str) -> "Work":
        """Those of a run."""
        return cls(storage.control("work"), run)

    def name(self, part: str) -> str:
        """The blob's name."""
        return f"{self.run}/{part}"

    def segment(self, number: int, kind: str) -> str:
        """The blob of a segment's frames (`mkv`) or report (`json`)."""
        return self.name(f"segment-{number:05d}.{kind}")

    def source(self) -> BlobFile:
        """The video as it was when the run began; raises NotFound before it was split."""
        info = self.store.info(self.name("source"))
        if info is None:
            raise self._missing("source")
        return BlobFile(self.store, info)

    def index(self) -> Index:
        """What `split` found out; raises NotFound before."""
        return msgspec.json.decode(self._read("index.json"), type=Index)

    def network(self) -> bytes:
        """The style network, as ONNX; raises NotFound before the video was split."""
        return self._read("network.onnx")

    def report(self, number: int) -> SegmentReport | None:
        """What was done with a segment, or None before; its frames are complete where there is one."""
        blob = self.store.get(self.segment(number, "json"))
        return msgspec.json.decode(blob.data, type=SegmentReport) if blob else None

    @property
    def published(self) -> bool:
        """Whether the run's results are where users find them."""
        return self.store.info(self.name("published")) is not None

    def close(self) -> None:
        """Say that the results are published, and remove all else."""
        self.store.put(self.name("published"), b"")
        for info in list(self.store.list(self.name(""))):
            if info.name != self.name("published"):
                self.store.delete(info.name)

    def _read(self, part: str) -> bytes:
        blob = self.store.get(self.name(part))
        if blob is None:
            raise self._missing(part)
        return blob.data

    def _missing(self, part: str) -> NotFound:
        return NotFound(f"Run {self.run} has no {part}.", "Its task split comes first.")
