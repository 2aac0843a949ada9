"""Joins the segments of a video: all frames at their times, its sound and the rest of it; then looks at the result."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scoring_images.style_transfer.ffmpeg_call import FfmpegFailed
from scoring_images.style_transfer.mux import mux
from scoring_images.style_transfer.sound import Fate, fate, plainer
from scoring_images.style_transfer.strand import string_together
from scoring_images.style_transfer.verify import verify
from scoring_images.style_transfer.video import Video
from shared.errors import Transient


@dataclass(frozen=True, slots=True)
class Joined:
    """The finished video on disk, and what was done with every stream of the input, in sentences."""

    path: Path
    streams: tuple[str, ...]


def join(segments: Iterable[BinaryIO], source: Path, video: Video, folder: Path, *, seconds: float = 3600.0) -> Joined:
    """Write `folder/joined.mp4` from the segments, in order, and the input's other streams, and verify it.

    The folder is the caller's to remove. Raises Transient where frames are missing, the disk is full, ffmpeg fails or
    takes longer than `seconds`, or the result is not what it should be.
    """
    frames, target = folder / "frames.mp4", folder / "joined.mp4"
    try:
        string_together(segments, video, frames)
        fates = _mux(frames, source, video, target, seconds)
        frames.unlink()
    except OSError as error:
        raise Transient(f"The joined video cannot be written: {error.strerror}.", "Give the task more disk.") from error
    return Joined(target, tuple(_said(video, fates, verify(target, video))))


def _mux(frames: Path, source: Path, video: Video, target: Path, seconds: float) -> Sequence[Fate]:
    def works(fates: Sequence[Fate]) -> bool:
        try:
            mux(frames, source, video, fates, target, seconds)
        except FfmpegFailed:
            return False
        return True

    fates = [fate(stream) for stream in video.others]
    if works(fates):
        return fates
    for number, chosen in enumerate(fates):
        while chosen.coder and not works([chosen]):
            chosen = fates[number] = plainer(chosen)
    mux(frames, source, video, fates, target, seconds)
    return fates


def _said(video: Video, fates: Sequence[Fate], sounds: int) -> Iterator[str]:
    yield f"stream {video.stream}, video ({video.codec}): styled"
    yield from map(str, fates)
    kept = sum(fate.stream.type == "audio" and fate.coder is not None for fate in fates)
    if sounds != kept:
        yield f"{kept - sounds} of {kept} audio streams came out empty"
