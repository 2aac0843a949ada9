"""Looks at a joined video as a player would: every frame, when it is shown, and how the sound lies to it."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from scoring_images.style_transfer.container import default_stream, fraction
from scoring_images.style_transfer.encode import coded_size
from scoring_images.style_transfer.strand import clock, times
from scoring_images.style_transfer.video import Video
from shared.errors import Transient


def verify(path: Path, video: Video) -> int:
    """Decode a joined video; returns how many audio streams it has.

    Raises Transient where it differs from the index in the frames' number, times, size or rotation, or in how long it
    lasts.
    """
    try:
        with av.open(str(path)) as file:
            _check_times(_shown(file, video), video)
            _check_duration(file, video)
            return len(file.streams.audio)
    except FFmpegError as error:
        raise Transient(f"The joined video cannot be read: {error.strerror}.") from error


def _shown(file: InputContainer, video: Video) -> list[Fraction]:
    stream = default_stream(file)
    stream.thread_type = "AUTO"
    tick, shown = fraction(stream.time_base), []
    for frame in file.decode(stream):
        shown.append((frame.pts or 0) * tick)
        if (frame.width, frame.height) != coded_size(video):
            raise Transient(f"Frame {len(shown) - 1} of the joined video has another size.")
        if round(frame.rotation - video.rotation) % 360:
            raise Transient(f"Frame {len(shown) - 1} of the joined video is turned another way.")
    return shown


def _check_times(shown: Sequence[Fraction], video: Video) -> None:
    wanted = [time * clock(video) for time in times(video)[:-1]]
    if len(shown) != len(wanted):
        raise Transient(f"The joined video shows {len(shown)} frames instead of {len(wanted)}.")
    for number, pair in enumerate(zip(shown, wanted, strict=True)):
        if pair[0] != pair[1]:
            raise Transient(f"Frame {number} of the joined video is at {pair[0]} s instead of {pair[1]} s.")


def _check_duration(file: InputContainer, video: Video) -> None:
    ticks, stream = times(video), default_stream(file)
    wanted = (ticks[-1] - ticks[0]) * clock(video)
    lasts = (stream.duration or 0) * fraction(stream.time_base)
    if abs(lasts - wanted) > 1 / video.rate + Fraction(1, 1000):
        raise Transient(f"The joined video lasts {float(lasts):.3f} s instead of {float(wanted):.3f} s.")
