"""Decodes a whole video once and takes down what it shows, frame by frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO
from zlib import crc32

import av
import numpy as np
from av import VideoFrame
from av.video.frame import supported_np_pix_fmts

from scoring_images.style_transfer.color import EXACT, Color, color_of
from scoring_images.style_transfer.container import Limits, Source, rate_of
from shared.errors import InvalidInput

_STILLS = {"heic", "heix", "mif1", "avif"}
_PLAIN = supported_np_pix_fmts - {"pal8"}
_SHORTER = "Cut it, or raise the limit."
_HIDDEN_FRAMES = {"vp8", "vp9", "mpeg4"}  # their packets may hold frames that are never shown
_SAY_HOW_LONG = ("matroska", "avi", "flv")
_INEXACT = Fraction(1, 4)  # seconds


@dataclass(slots=True)
class Scan:
    """What decoding the whole file showed."""

    color: Color
    width: int
    height: int
    rotation: int
    pixel_format: str
    threads: int
    times: list[int | None] = field(default_factory=list)  # in ticks, as the file counts them
    checksums: list[int] = field(default_factory=list)
    last: int = 0  # duration of the last frame, in ticks
    damaged: int = 0
    missing: int = 0
    resized: int = 0
    packets: int = 0
    errors: int = 0
    others: Mapping[int, int] = field(default_factory=dict)  # packets of each stream

    @property
    def clean(self) -> bool:
        """Whether every coded frame gave a frame without an error."""
        return not self.errors and not self.damaged and len(self.times) == self.packets

    def add(self, frame: VideoFrame) -> None:
        """Take down the next frame."""
        self.times.append(frame.pts if frame.pts is not None else frame.dts)
        self.checksums.append(checksum(frame))
        self.last = frame.duration
        self.damaged += frame.is_corrupt
        self.resized += (frame.width, frame.height) != (self.width, self.height)


def scan(file: BinaryIO, limits: Limits, threads: int) -> Scan:
    """Decode the default video stream from start to end; raises InvalidInput like `probe`."""
    with Source(file, limits.pixels, threads=threads) as source:
        _check_length(source, limits)
        found: Scan | None = None
        for frame in source.frames():
            found = found or _begun(frame, threads)
            found.add(frame)
            if len(found.times) > limits.frames:
                raise InvalidInput(f"The video has more than {limits.frames:,} frames.", _SHORTER)
        if found is None:
            raise InvalidInput("No frame of the video can be decoded: it is damaged, or cut off at its beginning.")
        found.packets, found.errors, found.others = source.packets, source.errors, source.others
        found.missing = _missing(source, found)
        if len(found.times) == 1 and _is_still(source):
            raise InvalidInput("This is an image, not a video.")
        return found


def _begun(first: VideoFrame, threads: int) -> Scan:
    return Scan(color_of(first), first.width, first.height, round(first.rotation), first.format.name, threads)


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


def _missing(source: Source, found: Scan) -> int:
    undecoded = max(0, found.packets - len(found.times))
    if source.stream.codec.canonical_name in _HIDDEN_FRAMES:
        undecoded = min(undecoded, found.errors)
    return undecoded + max(0, _promised(source) - found.packets)


def _promised(source: Source) -> int:
    """How many coded frames the file claims to have, as far as what it says can be relied on."""
    kind, file = source.container.format.name, source.container
    if kind.startswith("mov"):
        return sum(not entry.is_discard for entry in source.stream.index_entries)
    if not kind.startswith(_SAY_HOW_LONG) or not file.duration:
        return 0
    unread = Fraction(file.duration + (file.start_time or 0), av.time_base) - source.reached
    return source.packets + round(unread * rate_of(source.stream)) if unread > _INEXACT else 0
