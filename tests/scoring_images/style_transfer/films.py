"""What the tests of the style image do with a clip: index it, cut it, encode it and join it, small and fast."""

from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path

from scoring_images.style_transfer.color import Picture
from scoring_images.style_transfer.encode import Encoding, encode
from scoring_images.style_transfer.frames import decode
from scoring_images.style_transfer.groups import Group, groups, segment
from scoring_images.style_transfer.join import Joined, join
from scoring_images.style_transfer.video import Video, probe

FAST = Encoding(crf=30, preset="ultrafast")


@dataclass(frozen=True, slots=True)
class Film:
    """A clip, its index as if its picture were small, and its frames at that size."""

    path: Path
    video: Video
    pictures: tuple[Picture, ...]

    def segments(self, count: int, encoding: Encoding = FAST) -> list[BytesIO]:
        """The files of so many segments, its frames as they are."""
        whole = groups(len(self.pictures))
        return [self._encoded(whole, number, count, encoding) for number in range(count)]

    def _encoded(self, whole: list[Group], number: int, count: int, encoding: Encoding) -> BytesIO:
        sink, own = BytesIO(), segment(whole, number, count)
        encode(self.pictures[own[0].first : own[-1].last] if own else [], own, self.video, sink, encoding)
        sink.seek(0)
        return sink

    def joined(self, count: int, folder: Path, encoding: Encoding = FAST) -> Joined:
        """The film joined from so many segments."""
        return join(self.segments(count, encoding), self.path, self.video, folder)


@cache
def film(path: Path) -> Film:
    """The clip, decoded in seven parts."""
    with path.open("rb") as file:
        video = probe(file)
        small = replace(video, width=48, height=32) if video.width > 200 else video
        parts = [segment(groups(len(video.timestamps)), number, 7) for number in range(7)]
        spans = [(part[0].first, part[-1].last) for part in parts if part]
        pictures = [picture for first, last in spans for picture in decode(file, small, first, last)]
    return Film(path, small, tuple(pictures))
