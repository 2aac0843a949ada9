"""The index of a video: what it is, and the time and checksum of every frame, so that others can check theirs."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import BinaryIO

import av
from av.stream import Disposition, Stream

from scoring_images.style_transfer.color import Color
from scoring_images.style_transfer.container import Limits, Source, fraction, rate_of
from scoring_images.style_transfer.scan import Scan, scan
from scoring_images.style_transfer.timestamps import FAR, repaired, typical_step

__all__ = ["Limits", "OtherStream", "Video", "probe"]

_THREADS = 4


@dataclass(frozen=True, slots=True)
class OtherStream:
    """Something else in the file: another video, sound, subtitles, data or an attachment."""

    index: int
    type: str
    codec: str  # as ffmpeg calls it; empty where it does not know it
    language: str = ""
    cover: bool = False  # a picture to show beside the video
    start: float | None = None  # seconds after the origin
    packets: int = 0


@dataclass(frozen=True, slots=True)
class Video:
    """A video's default stream, frame by frame. Times are in ticks after the origin, the file's own start time."""

    width: int
    height: int
    tick: tuple[int, int]  # numerator and denominator, in seconds
    timestamps: tuple[int, ...]  # of every frame that can be decoded, strictly increasing
    checksums: tuple[int, ...]  # CRC-32 of each frame's samples
    end: int  # of the last frame
    origin: int  # the time in the file that is 0 here
    color: Color
    stream: int  # its index in the file
    pixels: int  # the most that a frame may have; larger ones are not decoded
    codec: str
    pixel_format: str
    display_matrix: tuple[int, ...] = ()  # of ISO 14496-12, nine numbers; empty where the picture is not turned
    rotation: int = 0  # degrees, counter-clockwise
    aspect: tuple[int, int] = (1, 1)
    average: tuple[int, int] = (25, 1)
    threads: int = 1  # of the decoder: what damage does to a picture depends on their number
    missing: int = 0  # frames that the file promises and that cannot be decoded
    damaged: int = 0  # frames that were decoded with errors
    repaired: int = 0  # frames whose time was missing, repeated, or before the time of the one before
    resized: int = 0  # frames of another size than the first; scaled to it
    others: tuple[OtherStream, ...] = ()

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick."""
        return Fraction(*self.tick)

    @property
    def sample_aspect_ratio(self) -> Fraction:
        """Width of a pixel over its height."""
        return Fraction(*self.aspect)

    @property
    def rate(self) -> Fraction:
        """Frames per second, on average."""
        return Fraction(*self.average)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float((self.end - self.timestamps[0]) * self.time_base)

    @property
    def even(self) -> bool:
        """Whether the first frame is shown at once, and all for the same time (as exactly as ticks can tell)."""
        steps = [b - a for a, b in pairwise((*self.timestamps, self.end))]
        return self.timestamps[0] == 0 and max(steps) - min(steps) <= 1

    @property
    def step(self) -> int:
        """The usual distance of two frames, in ticks."""
        return typical_step(self.timestamps, round(1 / (self.rate * self.time_base)))


def probe(file: BinaryIO, limits: Limits | None = None) -> Video:
    """Decode a seekable file once, from start to end, in bounded memory.

    Raises InvalidInput, with a reason, for what is no video, holds no frame that can be decoded, or exceeds a limit.
    """
    limits = limits or Limits()
    found = scan(file, limits, threads=_THREADS)
    if not found.clean:
        found = scan(file, limits, threads=1)
    with Source(file, limits.pixels) as source:
        return _video(source, found, limits.pixels)


def _video(source: Source, found: Scan, pixels: int) -> Video:
    stream, time_base = source.stream, fraction(source.stream.time_base)
    rate = rate_of(stream)
    step = typical_step(found.times, round(1 / (rate * time_base)))
    times = repaired(found.times, step, round(FAR / time_base))
    origin = min(round(Fraction(source.container.start_time or 0, av.time_base) / time_base), times[0])
    matrix = (stream.codec_context.coded_side_data or {}).get("display_matrix", b"")
    return Video(
        width=found.width,
        height=found.height,
        tick=time_base.as_integer_ratio(),
        timestamps=tuple(time - origin for time in times),
        checksums=tuple(found.checksums),
        end=times[-1] + (found.last or step) - origin,
        origin=origin,
        color=found.color,
        stream=stream.index,
        pixels=pixels,
        codec=stream.codec.canonical_name,
        pixel_format=found.pixel_format,
        display_matrix=struct.unpack("<9i", matrix) if len(matrix) == 36 else (),
        rotation=found.rotation,
        aspect=(fraction(stream.sample_aspect_ratio) or Fraction(1)).as_integer_ratio(),
        average=rate.as_integer_ratio(),
        threads=found.threads,
        missing=found.missing,
        damaged=found.damaged,
        repaired=sum(time != given for time, given in zip(times, found.times, strict=True)),
        resized=found.resized,
        others=tuple(_others(source, found, origin * time_base)),
    )


def _others(source: Source, found: Scan, origin: Fraction) -> Iterator[OtherStream]:
    for stream in source.container.streams:
        if stream.index != source.stream.index:
            yield _other(stream, origin, found.others.get(stream.index, 0))


def _other(stream: Stream, origin: Fraction, packets: int) -> OtherStream:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
    start = None if stream.start_time is None else float(stream.start_time * fraction(stream.time_base) - origin)
    cover = bool(stream.disposition & Disposition.attached_pic)
    return OtherStream(stream.index, stream.type, codec, stream.language or "", cover, start, packets)
