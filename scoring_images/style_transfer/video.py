"""The index of a video: what it is, and the time and checksum of every frame, so that others can check theirs."""

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO
from zlib import crc32

import av
import numpy as np
from av import VideoFrame
from av.stream import Disposition, Stream
from av.video.frame import supported_np_pix_fmts

from scoring_images.style_transfer.color import EXACT, Color, color_of
from scoring_images.style_transfer.container import Source, fraction
from scoring_images.style_transfer.timestamps import FAR, repaired, typical_step
from shared.errors import InvalidInput

_STILLS = {"heic", "heix", "mif1", "avif"}
_PLAIN = supported_np_pix_fmts - {"pal8"}
_SHORTER = "Cut it, or raise the limit."
_THREADS = 4
_HIDDEN_FRAMES = {"vp8", "vp9", "mpeg4"}  # their packets may hold frames that are never shown


@dataclass(frozen=True, slots=True)
class Limits:
    """What a video may have at most: pixels per frame, frames, and seconds."""

    pixels: int = 7680 * 4320
    frames: int = 500_000
    seconds: float = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class OtherStream:
    """Something else in the file: another video, sound, subtitles, data or an attachment."""

    index: int
    type: str
    codec: str  # as ffmpeg calls it; empty where it does not know it
    language: str = ""
    cover: bool = False  # a picture to show beside the video
    start: float | None = None  # seconds after the origin


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
    def step(self) -> int:
        """The usual distance of two frames, in ticks."""
        return typical_step(self.timestamps, round(1 / (self.rate * self.time_base)))


def probe(file: BinaryIO, limits: Limits | None = None) -> Video:
    """Decode a seekable file once, from start to end, in bounded memory.

    Raises InvalidInput, with a reason, for what is no video, holds no frame that can be decoded, or exceeds a limit.
    """
    limits = limits or Limits()
    scan = _scan(file, limits, threads=_THREADS)
    if scan.errors or scan.damaged or len(scan.times) != scan.packets:
        scan = _scan(file, limits, threads=1)  # what damage does to a picture depends on the number of threads
    with Source(file, limits.pixels) as source:
        return _video(source, scan, limits.pixels)


@dataclass(slots=True)
class _Scan:
    """What decoding the whole file showed."""

    color: Color
    width: int
    height: int
    rotation: int
    pixel_format: str
    times: list[int | None] = field(default_factory=list)  # in ticks, as the file counts them
    checksums: list[int] = field(default_factory=list)
    last: int = 0  # duration of the last frame, in ticks
    damaged: int = 0
    resized: int = 0
    packets: int = 0
    errors: int = 0

    def add(self, frame: VideoFrame) -> None:
        self.times.append(frame.pts if frame.pts is not None else frame.dts)
        self.checksums.append(checksum(frame))
        self.last = frame.duration
        self.damaged += frame.is_corrupt
        self.resized += (frame.width, frame.height) != (self.width, self.height)


def _scan(file: BinaryIO, limits: Limits, threads: int) -> _Scan:
    with Source(file, limits.pixels, threads=threads) as source:
        _check_length(source, limits)
        scan = None
        for frame in source.frames():
            scan = scan or _Scan(color_of(frame), frame.width, frame.height, round(frame.rotation), frame.format.name)
            scan.add(frame)
            if len(scan.times) > limits.frames:
                raise InvalidInput(f"The video has more than {limits.frames:,} frames.", _SHORTER)
        if scan is None:
            raise InvalidInput("No frame of the video can be decoded: it is damaged, or cut off at its beginning.")
        scan.packets, scan.errors = source.packets, source.errors
        if len(scan.times) == 1 and _is_still(source):
            raise InvalidInput("This is an image, not a video.")
        return scan


def checksum(frame: VideoFrame) -> int:
    """CRC-32 of a decoded frame's samples."""
    plain = frame.format.name in _PLAIN and frame.width % 2 == 0 and frame.height % 2 == 0
    samples = frame if plain else frame.reformat(format="rgb24", interpolation=EXACT)
    return crc32(np.ascontiguousarray(samples.to_ndarray()))


def _check_length(source: Source, limits: Limits) -> None:
    seconds = (source.container.duration or 0) / av.time_base
    if seconds > limits.seconds:
        raise InvalidInput(f"The video lasts {seconds:,.0f} s; at most {limits.seconds:,.0f} s are styled.", _SHORTER)
    if source.stream.frames > limits.frames:
        raise InvalidInput(
            f"The video has {source.stream.frames:,} frames; at most {limits.frames:,} are styled.", _SHORTER
        )


def _is_still(source: Source) -> bool:
    return source.container.format.name == "gif" or source.container.metadata.get("major_brand", "") in _STILLS


def _video(source: Source, scan: _Scan, pixels: int) -> Video:
    stream, time_base = source.stream, fraction(source.stream.time_base)
    rate = fraction(stream.average_rate) or fraction(stream.guessed_rate) or Fraction(25)
    step = typical_step(scan.times, round(1 / (rate * time_base)))
    times = repaired(scan.times, step, round(FAR / time_base))
    origin = min(round(Fraction(source.container.start_time or 0, av.time_base) / time_base), times[0])
    matrix = (stream.codec_context.coded_side_data or {}).get("display_matrix", b"")
    return Video(
        width=scan.width,
        height=scan.height,
        tick=time_base.as_integer_ratio(),
        timestamps=tuple(time - origin for time in times),
        checksums=tuple(scan.checksums),
        end=times[-1] + (scan.last or step) - origin,
        origin=origin,
        color=scan.color,
        stream=stream.index,
        pixels=pixels,
        codec=stream.codec.canonical_name,
        pixel_format=scan.pixel_format,
        display_matrix=struct.unpack("<9i", matrix) if len(matrix) == 36 else (),
        rotation=scan.rotation,
        aspect=(fraction(stream.sample_aspect_ratio) or Fraction(1)).as_integer_ratio(),
        average=rate.as_integer_ratio(),
        missing=_missing(source, scan),
        damaged=scan.damaged,
        repaired=sum(time != given for time, given in zip(times, scan.times, strict=True)),
        resized=scan.resized,
        others=tuple(_other(other, origin * time_base) for other in source.container.streams if other != stream),
    )


def _missing(source: Source, scan: _Scan) -> int:
    undecoded = max(0, scan.packets - len(scan.times))
    if source.stream.codec.canonical_name in _HIDDEN_FRAMES:
        undecoded = min(undecoded, scan.errors)
    promised = sum(not entry.is_discard for entry in source.stream.index_entries) if source.stream.frames else 0
    return undecoded + max(0, promised - scan.packets)


def _other(stream: Stream, origin: Fraction) -> OtherStream:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else ""
    start = None if stream.start_time is None else float(stream.start_time * fraction(stream.time_base) - origin)
    cover = bool(stream.disposition & Disposition.attached_pic)
    return OtherStream(stream.index, stream.type, codec, stream.language or "", cover, start)
