"""What may be opened: videos, read from the upload alone, and no larger than allowed."""

import io
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest

from scoring_images.style_transfer.video import Limits, probe
from shared.errors import InvalidInput
from tests.scoring_images.style_transfer.clips import PICTURE, ffmpeg, odd, real

PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n"
DASH = b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"This is not a video.", "not a video"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (PLAYLIST, "playlist"),
        (b"\xef\xbb\xbf" + PLAYLIST, "playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
        (SDP, "playlist"),
        (DASH, "playlist"),
        (b"[playlist]\nFile1=http://127.0.0.1/a.mp4\n", "playlist"),
        (b"\n\n file 'http://127.0.0.1/a.mp4'\n", "playlist"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 1000, "not a video"),
    ],
)
def test_what_is_no_video_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        probe(io.BytesIO(data))


def test_text_called_a_video_is_refused() -> None:
    with real("derived_not_a_video.mp4").open("rb") as file, pytest.raises(InvalidInput, match="not a video"):
        probe(file)


@pytest.mark.parametrize(
    ("name", "reason"), [("still.gif", "image"), ("sound.mp3", "no video"), ("cover.mp3", "no video")]
)
def test_images_and_sound_are_refused_with_the_reason(name: str, reason: str, tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=0.2")
    cover = ("-map", "0", "-map", "1", "-disposition:v", "attached_pic", "-frames:v", "1", "-c:v", "mjpeg")
    made = {"still.gif": (*PICTURE, "-frames:v", "1"), "sound.mp3": sound, "cover.mp3": (*PICTURE, *sound, *cover)}
    ffmpeg(*made[name], str(tmp_path / name))
    with (tmp_path / name).open("rb") as file, pytest.raises(InvalidInput, match=reason):
        probe(file)


def test_limits_are_kept_before_and_while_decoding() -> None:
    with odd("irregular.mkv").open("rb") as file:
        for limits, reason in (
            (Limits(pixels=1000), "96 x 64"),
            (Limits(frames=29), "more than 29 frames"),
            (Limits(seconds=1.0), "lasts 1 s"),
        ):
            with pytest.raises(InvalidInput, match=reason):
                probe(file, limits)
        assert len(probe(file, Limits(96 * 64, 30, 1.5)).timestamps) == 30


def _bomb(side: int) -> bytes:
    packer, row = zlib.compressobj(9), b"\0" * (side // 8 + 1)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _film_of(picture: bytes, declared: int, path: Path) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_mux_stream("png", rate=5, width=declared, height=declared)
        for number in range(5):
            packet = av.Packet(picture)
            packet.pts = packet.dts = number
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, 5), True, stream
            film.mux(packet)


@pytest.mark.slow
@pytest.mark.parametrize("declared", [30_000, 64])
def test_a_bomb_is_refused_before_it_explodes(declared: int, tmp_path: Path) -> None:
    """Five frames of 30,000 x 30,000 pixels in under a megabyte, whether or not the container says so."""
    _film_of(_bomb(30_000), declared, tmp_path / "bomb.mov")
    code = """
import re, sys
from pathlib import Path
from scoring_images.style_transfer.video import probe
from shared.errors import InvalidInput
try:
    probe(open(sys.argv[1], "rb"))
except InvalidInput as error:
    print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024, error)
"""  # not getrusage: it counts what the process that started this one had
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "bomb.mov")], check=True, capture_output=True, text=True
    )
    megabytes, _, reason = done.stdout.partition(" ")
    assert int(megabytes) < 300
    assert "pixels" in reason or "decoded" in reason
