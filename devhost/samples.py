"""What the demo sends: the beginning of a real clip where one is at hand, else one that ffmpeg draws; a digit.

`python -m devhost.samples CLIP.mp4` draws a small clip.
"""

import sys
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from devhost.sandbox import ROOT

REAL = ROOT.parent / "shared" / "data" / "video" / "mdn_flower.mp4"
SECONDS = 2


def write_clip(target: Path) -> str:
    """Write it as MP4 with sound; what it shows, in words."""
    if REAL.exists():
        _run(ffmpeg.input(str(REAL), t=SECONDS).output(str(target), c="copy"))
        return f"{SECONDS} s of a flower opening, with its sound"
    return draw_clip(target, SECONDS, "640x360")


def draw_clip(target: Path, seconds: int, size: str) -> str:
    """Write one of 25 frames a second that needs no file; what it shows, in words."""
    zoom = f"mandelbrot=size={size}:rate=25:end_scale=0.01:end_pts={25 * seconds}"
    fractal = ffmpeg.input(zoom, f="lavfi", t=seconds)
    tone = ffmpeg.input("sine=frequency=220", f="lavfi", t=seconds)
    _run(ffmpeg.output(fractal, tone, str(target), pix_fmt="yuv420p", acodec="aac"))
    return f"{seconds} s of a fractal that ffmpeg draws, with a tone"


def write_digit(target: Path) -> None:
    """A handwritten seven, as PNG."""
    from shared.image_classification.training import digits

    pictures = digits()
    next(image for image, label in zip(pictures.images, pictures.labels, strict=True) if label == "7").save(target)


def _run(stream: Any) -> None:
    # Without -nostdin a key typed meanwhile would be an order to ffmpeg, and in the background it would stop for ever.
    stream.overwrite_output().run(cmd=[imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin"], quiet=True)


if __name__ == "__main__":
    print(f"{sys.argv[1]}: {draw_clip(Path(sys.argv[1]), 1, '320x180')}")
