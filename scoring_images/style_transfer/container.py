"""Opens a video that a stranger uploaded: nothing but that file is read, and nothing too large is decoded."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO, Never, Self, cast

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError
from av.rational import AVRational
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from shared.errors import InvalidInput

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,ivf,nut,dv,gif,h264,hevc,m4v,mpegvideo,"
    "mp3,wav,flac,aac"
)
"""The demuxers that may open a file, by their names in ffmpeg: those that read it and nothing else.

Playlists (HLS, DASH, concat, SDP and the like) are not among them. Sound is, so that a refusal can name it.
"""

_HINT = "Upload a video, for example MP4, MOV, MKV, WebM, AVI or MPEG-TS."
_IMAGES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0", b"[playlist]", b"file ", b"RTSP", b"<SMIL")
_NOT_FILMS = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_READ_FAILURES = 10
_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class Limits:
    """What a video may have at most: pixels per frame, frames, and seconds."""

    pixels: int = 7680 * 4320
    frames: int = 500_000
    seconds: float = 6 * 3600.0


class Source:
    """The default video stream of a file, decoded frame by frame; closes with `with`, the file stays open.

    `packets` and `errors` count the coded frames read so far and those that cannot be decoded; `others` counts the
    packets of all streams by index; `reached` is the time, in seconds as the file counts them, to which any was read.
    """

    def __init__(self, file: BinaryIO, pixels: int, *, threads: int = 1) -> None:
        """Open a seekable file at its start. Raises InvalidInput where it is no video, or larger than `pixels`."""
        self.packets = self.errors = 0
        self.reached = Fraction(0)
        self.others: Counter[int] = Counter()
        self.container = _opened(file, pixels)
        try:
            self.stream = default_stream(self.container)
            _check_size(self.stream, pixels)
        except BaseException:
            self.container.close()
            raise
        decoder = self.stream.codec_context
        decoder.options = _bound(pixels)
        decoder.thread_count = threads
        decoder.thread_type = ThreadType.SLICE if threads == 1 else ThreadType.AUTO

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def seek(self, timestamp: int) -> bool:
        """Go on from a key frame at or before the timestamp, in ticks as the file counts them, if that is possible."""
        try:
            self.container.seek(timestamp, stream=self.stream)
        except FFmpegError:
            return False
        return True

    def frames(self) -> Iterator[av.VideoFrame]:
        """The frames from here to the end, as they are shown; what cannot be decoded is passed over and counted."""
        for packet in self._packets():
            self.packets += bool(packet.size) and not packet.is_discard
            try:
                yield from packet.decode()
            except FFmpegError:
                self.errors += 1

    def _packets(self) -> Iterator["av.Packet[VideoStream]"]:
        for _ in range(_READ_FAILURES):
            with suppress(FFmpegError):
                yield from cast("Iterator[av.Packet[VideoStream]]", filter(self._is_ours, self.container.demux()))
                return
            self.errors += 1
        last = av.Packet()
        last.stream = self.stream
        yield cast("av.Packet[VideoStream]", last)  # an empty packet makes the decoder hand out what it holds

    def _is_ours(self, packet: "av.Packet[Stream]") -> bool:
        self.others[packet.stream.index] += bool(packet.size)
        if packet.pts is not None:
            self.reached = max(self.reached, (packet.pts + (packet.duration or 0)) * fraction(packet.time_base))
        return packet.stream.index == self.stream.index  # the packet's own index is 0 when it only flushes


def fraction(value: AVRational | None) -> Fraction:
    """The number as Python's own kind; 0 where it is unknown."""
    return Fraction(value.numerator, value.denominator) if value and value.denominator else Fraction(0)


def rate_of(stream: VideoStream) -> Fraction:
    """Frames per second on average, as the file says or shows at its beginning."""
    return fraction(stream.average_rate) or fraction(stream.guessed_rate) or Fraction(25)


def _opened(file: BinaryIO, pixels: int) -> InputContainer:
    _check_start(file)
    file.seek(0)
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "none"} | _bound(pixels)
    try:
        return av.open(file, "r", options=options, buffer_size=_BUFFER, io_open=_refuse_to_open)
    except FFmpegError as error:
        raise InvalidInput("This is not a video, or its beginning is damaged.", _HINT) from error


def _bound(pixels: int) -> dict[str, str]:
    # Decoders count whole blocks, so a frame may be somewhat larger to them than it is.
    return {"max_pixels": str(pixels + pixels // 8 + 65536)}


def _refuse_to_open(url: str, flags: int, options: dict[str, str]) -> Never:
    raise InvalidInput("The video refers to another file; only what is in the upload itself is read.", _HINT)


def _check_start(file: BinaryIO) -> None:
    file.seek(0)
    start = file.read(64)
    if not start:
        raise InvalidInput("The file is empty (0 bytes): its upload may have failed.", "Upload it again.")
    image = next((kind for magic, kind in _IMAGES.items() if start.startswith(magic)), None)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        image = "WebP"
    if image:
        raise InvalidInput(f"This is an image ({image}), not a video.", _HINT)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
        raise InvalidInput("This is a playlist or text that points to other files; only a video is styled.", _HINT)


def default_stream(container: InputContainer) -> VideoStream:
    """The video that players show: one marked as default before others, then the largest; no cover pictures.

    Raises InvalidInput where there is none, or nothing here can decode it.
    """
    films = [stream for stream in container.streams.video if not stream.disposition & _NOT_FILMS]
    if not films:
        found = sorted({stream.type for stream in container.streams})
        holds = f"only {', '.join(found)}" if found else "no streams"
        raise InvalidInput(f"There is no video in the file: it holds {holds}.", _HINT)
    chosen = max(films, key=lambda film: (bool(film.disposition & Disposition.default), _pixels(film)))
    if chosen.codec_context is None:
        raise InvalidInput("The video is coded in a way that cannot be decoded here.", _HINT)
    return chosen


def _pixels(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height if stream.codec_context else 0


def _check_size(stream: VideoStream, pixels: int) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > pixels:
        raise InvalidInput(
            f"The video's frames have {width} x {height} pixels; at most {pixels:,} pixels are styled.",
            "Scale it down, or raise the limit.",
        )
    if not width * height:
        raise InvalidInput(
            f"The size of the frames cannot be read: it is damaged, or larger than the {pixels:,} pixels allowed."
        )
