"""The tasks between: decode a segment's frames, style them, encode them; nothing is written but the result."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import batched
from statistics import mean
from typing import BinaryIO

import msgspec
import numpy as np

from scoring_images.style_transfer.color import Picture
from scoring_images.style_transfer.encode import Encoding, encode
from scoring_images.style_transfer.flicker import frames_error
from scoring_images.style_transfer.frames import decode
from scoring_images.style_transfer.groups import Group, groups, segment
from scoring_images.style_transfer.job import SegmentReport, Work
from scoring_images.style_transfer.network import Network
from scoring_images.style_transfer.pace import Pace
from scoring_images.style_transfer.steady import Pair, steadied, warm_up
from scoring_images.style_transfer.video import Video
from shared.settings import Settings
from shared.storage import Storage

SAMPLES = 8
"""Pairs of frames of a segment whose flicker is measured."""


def stylize(run: str, number: int, storage: Storage, settings: Settings) -> None:
    """Style and encode a segment; nothing where that was done before. Raises NotFound before the video was split."""
    work = Work.of(storage, run)
    if work.published or work.report(number) is not None:
        print(f"segment {number}: styled before")
        return
    index, sink = work.index(), BytesIO()
    mine = segment(groups(len(index.video.timestamps)), number, index.order.segments)
    network = open_network(work.network(), settings)
    styling = Styling(network, index.video, Encoding(index.order.crf), index.order.steady)
    with work.source() as film:
        report = styling.encode(film, mine, sink)
    work.store.put(work.segment(number, "mkv"), sink.getvalue())
    work.store.put(work.segment(number, "json"), msgspec.json.encode(report))
    say(f"segment {number}", report)


def open_network(data: bytes, settings: Settings) -> Network:
    """The network with the memory and threads that the settings allow; raises BundleError."""
    memory = settings.style_memory_mb * 1_000_000
    return Network.open(data, memory_bytes=memory, threads=settings.task_threads)


def say(what: str, report: SegmentReport) -> None:
    """Print a report's lines."""
    for stage, seconds in report.seconds.items():
        print(f"{what} {stage}: Time taken in seconds: {seconds:.3f}")
    print(f"{what}: {report.frames} frames on {report.provider}, flicker {mean(report.flicker or [0]):.2f} grey levels")


@dataclass(slots=True)
class Styling:
    """Turns groups of a video's frames into coded ones, and remembers how long that took and how they flicker."""

    network: Network
    video: Video
    encoding: Encoding
    steady: bool = False
    styled: Callable[[], None] = lambda: None
    pace: Pace = field(default_factory=Pace)
    flicker: list[float] = field(default_factory=list)

    def encode(self, film: BinaryIO, mine: Sequence[Group], sink: BinaryIO) -> SegmentReport:
        """Write the coded frames of consecutive groups to the sink; no groups leave it empty."""
        if mine:
            pictures = self._measured(self._shown(film, mine), mine)
            with self.pace.stage("encode"):
                encode(pictures, mine, self.video, sink, self.encoding)
        frames = sum(map(len, mine))
        return SegmentReport(frames, self.pace.seconds(), self.network.provider, self.flicker)

    def _shown(self, film: BinaryIO, mine: Sequence[Group]) -> Iterator[Pair]:
        """The groups' frames, each with what is to be seen in its place."""
        first = warm_up(mine) if self.steady else mine[0].first
        frames = self.pace.of("decode", decode(film, self.video, first, mine[-1].last))
        pairs = self.pace.of("network", self._restyled(frames))
        return self.pace.of("steady", steadied(pairs, first, mine)) if self.steady else pairs

    def _restyled(self, frames: Iterator[Picture]) -> Iterator[Pair]:
        for some in batched(frames, self.network.batch, strict=False):
            for pair in zip(some, self.network.style(np.stack(some)), strict=True):
                self.styled()
                yield pair

    def _measured(self, pairs: Iterator[Pair], mine: Sequence[Group]) -> Iterator[Picture]:
        step = max(2, sum(map(len, mine)) // SAMPLES)
        before: Pair | None = None
        for number, pair in enumerate(pairs):
            if before and number % step == 1:
                with self.pace.stage("flicker"):
                    self._measure(before, pair)
            before = pair
            yield pair[1]

    def _measure(self, before: Pair, now: Pair) -> None:
        error = frames_error(before[0], now[0], before[1], now[1])
        if not np.isnan(error):
            self.flicker.append(round(error, 3))
