"""Encodes styled frames, each group with an encoder of its own, so that segments need only be strung together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import BinaryIO

import av
import cv2
from av import Packet
from av.codec.context import Flags, ThreadType
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from scoring_images.style_transfer.color import FromRgb, Picture, even
from scoring_images.style_transfer.groups import MAX_FRAMES, Group
from scoring_images.style_transfer.video import Video

THREADS = 4
"""Of each encoder: the coded bytes depend on their number, so it must not depend on the machine."""

TICK = Fraction(1, 1000)
"""A segment file counts frames by milliseconds: its frame number n, from 0, has the timestamp n ms."""

_AVX512 = 256  # OpenCV's number for the instructions that x264 asks for
ASSEMBLER = "asm=avx2" if cv2.checkHardwareSupport(_AVX512) else "asm=auto"
"""x264's AVX-512 code writes other bytes at each run. Naming AVX2 switches it on, so only where it is known to be."""

_LARGE = 1920 * 1088
_MATROSKA = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How H.264 is coded: x264's constant rate factor, from 0 (lossless) to 51 (the worst), and its preset."""

    crf: int = 18
    preset: str = "medium"


def coded_size(video: Video) -> tuple[int, int]:
    """Width and height of the styled picture: the video's, made even because 4:2:0 halves them."""
    return video.width + video.width % 2, video.height + video.height % 2


def encode(
    frames: Iterable[Picture], groups: Sequence[Group], video: Video, sink: BinaryIO, encoding: Encoding | None = None
) -> int:
    """Encode the frames of consecutive groups, uint8 (height, width, 3), into a Matroska file; returns their number.

    The sink must be seekable; no groups leave it empty. Raises ValueError where there are fewer frames than that.
    """
    options, pictures, done = _options(video, encoding or Encoding()), iter(frames), 0
    if not groups:
        return 0
    with av.open(sink, "w", format="matroska", options=_MATROSKA) as file:
        stream = file.add_stream("libx264", rate=_rate(video))
        _set_up(stream.codec_context, video, options)
        for group in groups:
            for packet in _coded(islice(pictures, len(group)), len(group), video, options):
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts, packet.dts, packet.time_base = packet.pts + done, packet.dts + done, TICK
                packet.stream = stream
                file.mux(packet)
            done += len(group)
    return done


def _coded(
    pictures: Iterable[Picture], count: int, video: Video, options: dict[str, str]
) -> Iterator["Packet[VideoStream]"]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    _set_up(encoder, video, options)
    encoder.flags |= Flags.global_header
    from_rgb, number = FromRgb(video.color), 0
    for picture in pictures:
        frame = from_rgb(even(picture))
        frame.pts, frame.time_base = number, encoder.time_base
        yield from encoder.encode(frame)
        number += 1
    if number < count:
        raise ValueError(f"There are {number} frames for a group of {count}.")
    yield from encoder.encode(None)


def _options(video: Video, encoding: Encoding) -> dict[str, str]:
    options = {"crf": str(encoding.crf), "preset": encoding.preset}
    options["x264-params"] = f"cpu-independent=1:{ASSEMBLER}"  # or the choice of algorithms follows the processor
    if not video.even:
        options["bf"] = "0"  # an MP4 of reordered frames keeps neither a delay before the first nor the last one's end
    if _is_large(video):
        options["rc-lookahead"] = "4"  # each frame that x264 holds at 4K takes some 40 MB
    return options


def _set_up(encoder: VideoCodecContext, video: Video, options: dict[str, str]) -> None:
    encoder.width, encoder.height = coded_size(video)
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = _rate(video)
    encoder.time_base = 1 / _rate(video)
    encoder.gop_size = MAX_FRAMES
    encoder.thread_count = THREADS
    encoder.thread_type = ThreadType.SLICE if _is_large(video) else ThreadType.FRAME  # or each thread holds frames
    encoder.sample_aspect_ratio = video.sample_aspect_ratio
    encoder.color_range = video.color.range
    encoder.colorspace, encoder.color_primaries = video.color.space, video.color.primaries
    encoder.color_trc = video.color.transfer
    encoder.options = dict(options)


def _is_large(video: Video) -> bool:
    return video.width * video.height > _LARGE


def _rate(video: Video) -> Fraction:
    # x264 only weighs frames by it; a file that claims 90,000 frames per second must not confuse it.
    return min(max(video.rate, Fraction(1)), Fraction(240)).limit_denominator(1001)
