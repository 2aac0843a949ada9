"""Joins the segments of a video: all frames at their times, its sound and the rest of it, and a look at the result."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer

from scoring_images.style_transfer.container import default_stream, fraction
from scoring_images.style_transfer.encode import coded_size
from scoring_images.style_transfer.mux import mux
from scoring_images.style_transfer.sound import fate
from scoring_images.style_transfer.strand import clock, string_together, times
from scoring_images.style_transfer.video import Video
from shared.errors import Transient


@dataclass(frozen=True, slots=True)
class Joined:
    """The finished video on disk, and what was done with every stream of the input, in sentences."""

    path: Path
    streams: tuple[str, ...]


def join(segments: Iterable[BinaryIO], source: Path, video: Video, folder: Path, *, seconds: float = 3600.0) -> Joined:
    """Write `folder/joined.mp4` from the segments, in order, and the input's other streams, and verify it.

    The folder is the caller's to remove. Raises Transient where something is missing, the disk is full, or ffmpeg
    fails or takes longer than `seconds`.
    """
    frames, target = folder / "frames.mp4", folder / "joined.mp4"
    fates = [fate(stream) for stream in video.others]
    try:
        string_together(segments, video, frames)
        mux(frames, source, video, fates, target, seconds)
        frames.unlink()
    except OSError as error:
        raise Transient(f"The video cannot be written: {error.strerror}.", "Give the task more disk.") from error
    verify(target, video)
    styled = f"stream {video.stream}, video ({video.codec}): styled"
    return Joined(target, (styled, *map(str, fates)))


def verify(path: Path, video: Video) -> None:
    """Decode a joined video; raises Transient where it is not the input's in frames, times, size or rotation."""
    with av.open(str(path)) as file:
        stream = default_stream(file)
        tick = fraction(stream.time_base)
        shown = []
        for frame in file.decode(stream):
            shown.append(frame.pts * tick if frame.pts is not None else None)
            if (frame.width, frame.height) != coded_size(video) or round(frame.rotation) != video.rotation:
                raise Transient(f"Frame {len(shown) - 1} of the joined video has another size or rotation.")
        _check_times(shown, video)
        _check_duration(file, video)


def _check_times(shown: list[Fraction | None], video: Video) -> None:
    wanted = [time * clock(video) for time in times(video)[:-1]]
    if len(shown) != len(wanted):
        raise Transient(f"The joined video shows {len(shown)} frames instead of {len(wanted)}.")
    for number, (is_, should) in enumerate(zip(shown, wanted, strict=True)):
        if is_ != should:
            raise Transient(f"Frame {number} of the joined video is at {is_} s instead of {should} s.")


def _check_duration(file: InputContainer, video: Video) -> None:
    ticks = times(video)
    wanted, stream = float((ticks[-1] - ticks[0]) * clock(video)), file.streams.video[0]
    shown = float((stream.duration or 0) * fraction(stream.time_base))
    if abs(shown - wanted) > 1 / float(video.rate) + 0.001:
        raise Transient(f"The joined video lasts {shown:.3f} s instead of {wanted:.3f} s.")
