"""Strings the coded frames of all segments together into one stream, with the input's exact times."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av import Packet
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from scoring_images.style_transfer.container import fraction
from scoring_images.style_transfer.encode import TICK
from scoring_images.style_transfer.video import Video
from shared.errors import Transient

_FINEST = 1_000_000
_OTHERWISE = 90_000


def clock(video: Video) -> Fraction:
    """Seconds per tick of the MP4: the input's where MP4 can hold it, else 1/90000 s."""
    denominator = video.time_base.denominator
    return Fraction(1, denominator if denominator <= _FINEST else _OTHERWISE)


def times(video: Video) -> list[int]:
    """When each frame of the MP4 begins, and when the last one ends, in ticks of its clock."""
    ratio = video.time_base / clock(video)
    return [round(time * ratio) for time in (*video.timestamps, video.end)]


def exact(video: Video) -> dict[str, str]:
    """Options of the MP4 muxer that keep times as they are: tracks and the delays before them in the same ticks."""
    ticks = str(clock(video).denominator)
    return {"video_track_timescale": ticks, "movie_timescale": ticks, "fflags": "+bitexact"}


def string_together(segments: Iterable[BinaryIO], video: Video, target: Path) -> None:
    """Write an MP4 of the frames of all segments, which come in order; it has no sound.

    Segments without frames are empty. Raises Transient where a frame is missing, a segment is damaged, or the disk is
    full.
    """
    try:
        done = _string(segments, video, target)
    except FFmpegError as error:
        raise Transient(f"The video cannot be written: {error.strerror}.", "Give the task more disk.") from error
    if done != len(video.timestamps):
        raise Transient(f"The segments have {done} frames; the video has {len(video.timestamps)}.")


def _string(segments: Iterable[BinaryIO], video: Video, target: Path) -> int:
    moments, done = times(video), 0
    with av.open(str(target), "w", format="mp4", options=exact(video)) as file:
        strand: _Strand | None = None
        for segment in segments:
            for packet in _packets(segment):
                strand = strand or _Strand(file, packet.stream, video, moments)
                strand.add(packet, done)
            done = strand.packets if strand else 0
    return done


def _packets(segment: BinaryIO) -> Iterator["Packet[VideoStream]"]:
    segment.seek(0)
    if not segment.read(1):
        return
    segment.seek(0)
    try:
        with av.open(segment, "r", format="matroska") as source:
            yield from (packet for packet in source.demux(source.streams.video[0]) if packet.size)
    except FFmpegError as error:
        raise Transient(f"A segment cannot be read: {error}.", "Stylize it again.") from error


class _Strand:
    """The video track of the MP4 while it is written."""

    def __init__(self, file: OutputContainer, like: VideoStream, video: Video, moments: list[int]) -> None:
        self.packets = 0
        self._file, self._clock, self._moments = file, clock(video), moments
        self._depth = like.codec_context.reorder_depth
        self._step = round(video.step * video.time_base / self._clock) or 1
        self._stream = file.add_stream_from_template(like, opaque=True)
        self._stream.time_base = self._clock
        self._stream.codec_context.sample_aspect_ratio = video.sample_aspect_ratio
        if video.display_matrix:
            self._stream.set_display_matrix(video.display_matrix)

    def add(self, packet: "Packet[VideoStream]", first: int) -> None:
        """Write a packet whose time counts frames from the one with the number `first`."""
        number = first + round((packet.pts or 0) * fraction(packet.time_base) / TICK)
        if number + 1 >= len(self._moments):
            raise Transient(f"The segments have more frames than the video's {len(self._moments) - 1}.")
        packet.time_base = self._clock
        packet.pts, packet.dts = self._moments[number], self._decoding_time()
        packet.duration = self._moments[number + 1] - self._moments[number]
        packet.stream = self._stream
        self._file.mux(packet)
        self.packets += 1

    def _decoding_time(self) -> int:
        # A frame is decoded when the frame `depth` before it in the order of decoding is shown: never after itself.
        late = self.packets - self._depth
        return self._moments[late] if late >= 0 else self._moments[0] + late * self._step
