"""Decodes the frames of a segment, and makes sure that they are those of the index."""

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from av import VideoFrame

from scoring_images.style_transfer.color import Picture, ToRgb
from scoring_images.style_transfer.container import Source
from scoring_images.style_transfer.scan import checksum
from scoring_images.style_transfer.video import Video
from shared.errors import Transient


def decode(file: BinaryIO, video: Video, first: int, last: int) -> Iterator[Picture]:
    """The frames [first, last) as RGB, uint8 (height, width, 3).

    Begins at the key frame before; where the frames are not those of the index (damage, pictures that need earlier
    ones), once more at the start of the file. Raises Transient where they are not even then.
    """
    to_rgb = ToRgb(video.color, video.width, video.height)
    done = first
    for frame in _sought(file, video, first, last):
        yield to_rgb(frame)
        done += 1
    if done < last:
        yield from map(to_rgb, _counted(file, video, done, last))


def _sought(file: BinaryIO, video: Video, first: int, last: int) -> Iterator[VideoFrame]:
    """As many of the frames as a search for the first one's time gives."""
    if first in (0, last) or video.repaired:
        return
    start = video.timestamps[first] + video.origin
    with Source(file, video.pixels, threads=video.threads) as source:
        if not source.seek(start):
            return
        wanted = (frame for frame in source.frames() if frame.pts is not None and frame.pts >= start)
        for number, frame in enumerate(islice(wanted, last - first), first):
            if frame.pts != video.timestamps[number] + video.origin or checksum(frame) != video.checksums[number]:
                return
            yield frame


def _counted(file: BinaryIO, video: Video, first: int, last: int) -> Iterator[VideoFrame]:
    """The frames, counted from the start of the file."""
    done = first
    with Source(file, video.pixels, threads=video.threads) as source:
        for number, frame in enumerate(islice(source.frames(), first, last), first):
            if checksum(frame) != video.checksums[number]:
                raise _changed(number)
            yield frame
            done += 1
    if done < last:
        raise _changed(done)


def _changed(number: int) -> Transient:
    return Transient(f"Frame {number} is not the one that was there when the video was indexed.", "Index it again.")
