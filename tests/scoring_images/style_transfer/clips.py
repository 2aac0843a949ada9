"""Small clips that are odd in one way each, made by ffmpeg when first asked for, and the real ones."""

import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
import pytest

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "video"
REAL_CLIPS = {
    "mdn_flower.mp4": (150, 0),
    "mdn_friday.mp4": (185, 0),
    "intel_car-detection.mp4": (377, 0),
    "intel_bottle-detection.mp4": (1189, 0),
    "phone_vfr_rot180_nogps.mp4": (25, 0),
    "decord_corrupted.mp4": (49, 1),
    "derived_truncated_flower_300k.mp4": (33, 117),
}
"""Clip: frames that decode, and frames that are missing."""


def real(name: str) -> Path:
    """A real clip; skips the test where there is none."""
    if not (REAL / name).exists():
        pytest.skip(f"the clip {REAL / name} is absent")
    return REAL / name


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg quietly."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-nostdin", "-v", "error", "-y", *arguments], check=True, stdin=subprocess.DEVNULL)


PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=1.2")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration={seconds}")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "12", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "64k")
TITLES = "1\n00:00:00,200 --> 00:00:00,700\nHello\n"
CHAPTERS = ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=600\ntitle=Opening\n"


def _sound(seconds: float = 1.2) -> tuple[str, ...]:
    return tuple(part.format(seconds=seconds) for part in SOUND)


def _many(path: Path) -> None:
    text, chapters = path.with_suffix(".srt"), path.with_suffix(".txt")
    text.write_text(TITLES)
    chapters.write_text(CHAPTERS)
    inputs = (*PICTURE, *_sound(), *_sound(), "-i", str(text), "-f", "ffmetadata", "-i", str(chapters))
    maps = ("-map", "1", "-map", "0", "-map", "2", "-map", "3", "-map_metadata", "4", "-map_chapters", "4")
    languages = (
        "-metadata:s:a:0",
        "language=eng",
        "-metadata:s:a:1",
        "language=deu",
        "-metadata:s:s:0",
        "language=fra",
    )
    ffmpeg(*inputs, *maps, *X264, "-c:a:0", "aac", "-c:a:1", "flac", "-c:s", "subrip", *languages, str(path))


def _made(*arguments: str) -> Callable[[Path], None]:
    return lambda path: ffmpeg(*arguments, str(path))


def _turned(*how: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        plain = path.with_name("plain.mp4")
        ffmpeg(*PICTURE, *X264, str(plain))
        ffmpeg(*how, "-i", str(plain), "-c", "copy", str(path))

    return make


LONG = ("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=25:duration=2.48")
LATE_END = "setpts='(N+9*gte(N,61))/25/TB'"  # the last frame comes late
IRREGULAR = "setpts='(N*40+mod(N*7,13)+100*gt(N,9))/1000/TB'"
ODD_CLIPS: dict[str, Callable[[Path], None]] = {
    "irregular.mkv": _made(*PICTURE, "-vf", IRREGULAR, "-fps_mode", "passthrough", *X264),
    "late_end.mp4": _made(*LONG, "-vf", LATE_END, "-fps_mode", "passthrough", *X264),
    "offset.ts": _made(*PICTURE, *_sound(), *X264, *AAC, "-output_ts_offset", "7.123"),
    "odd-size.mkv": _made(*PICTURE, "-vf", "format=yuv444p,scale=95:63", "-c:v", "libx264"),
    "many-streams.mkv": _many,
    "pcm.mov": _made(*PICTURE, *_sound(), *X264, "-c:a", "pcm_s16le"),
    "vp9.webm": _made(*PICTURE, *_sound(), "-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"),
    "vp8.webm": _made(
        *PICTURE, *_sound(), "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "8", "-c:a", "libvorbis"
    ),
    "rotated.mp4": _turned("-display_rotation", "90"),
    "late-sound.mp4": _made(*PICTURE, "-itsoffset", "0.5", *_sound(0.6), *X264, *AAC),
    "late-picture.mp4": _made("-itsoffset", "0.3", *PICTURE, *_sound(), *X264, *AAC),
    "long-sound.mp4": _made(*PICTURE, *_sound(3), *X264, *AAC),
    "short-sound.mp4": _made(*PICTURE, *_sound(0.4), *X264, *AAC),
    "ten-bits.mp4": _made(*PICTURE, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
    "raw.h264": _made(*PICTURE, *X264),
    "b-frames.avi": _made(*PICTURE, *_sound(), "-c:v", "mpeg4", "-bf", "2", "-c:a", "mp3"),
    "animated.gif": _made(*PICTURE),
    "anamorphic.mp4": _made(*PICTURE, "-vf", "setsar=4/3", *X264),
    "one-frame.mp4": _made(*PICTURE, "-frames:v", "1", *X264),
}
OTHER_CLIPS = {
    "mirrored.mp4": _turned("-display_rotation", "90", "-display_hflip"),
    "large.h264": _made("-f", "lavfi", "-i", "testsrc2=size=192x128:rate=25:duration=1.2", *X264),
    "late-sound.mkv": _made(*PICTURE, "-itsoffset", "0.1", *_sound(1.1), *X264, *AAC),
}


MADE = TemporaryDirectory(prefix="clips-")
"""Where they lie until the tests end."""


@cache
def odd(name: str) -> Path:
    """One of the odd clips."""
    path = Path(MADE.name) / name
    (ODD_CLIPS | OTHER_CLIPS)[name](path)
    return path
