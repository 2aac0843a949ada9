"""Colour survives the way to RGB and back, whatever the video says of it."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame

from scoring_images.style_transfer.color import Color, FromRgb, Picture, ToRgb, color_of, even
from scoring_images.style_transfer.encode import Encoding, encode
from scoring_images.style_transfer.frames import decode
from scoring_images.style_transfer.groups import Group
from scoring_images.style_transfer.video import probe
from tests.scoring_images.style_transfer.clips import ffmpeg, real

MATRICES = {"bt709": (1, 0.2126, 0.0722), "smpte170m": (6, 0.299, 0.114), "bt2020nc": (9, 0.2627, 0.0593)}


def _by_definition(rgb: Picture, red: float, blue: float, full: bool) -> np.ndarray:
    """Y'CbCr of ITU-T H.273, equations 11 to 13 and 17 to 22."""
    r, g, b = np.moveaxis(rgb / 255.0, -1, 0)
    luma = red * r + (1 - red - blue) * g + blue * b
    signals = np.stack([luma, (b - luma) / (2 - 2 * blue), (r - luma) / (2 - 2 * red)])
    scale, offset = ((255, 255, 255), (0, 128, 128)) if full else ((219, 224, 224), (16, 128, 128))
    return signals * np.reshape(scale, (3, 1, 1)) + np.reshape(offset, (3, 1, 1))


def _color(name: str, full: bool) -> Color:
    space = MATRICES[name][0]
    return Color(space, 2, 2, full, {1: 1, 6: 5, 9: 9}[space])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_samples_are_those_of_the_definition(name: str, full: bool) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = colors.repeat(16, axis=0).repeat(16, axis=1)
    frame = FromRgb(_color(name, full))(picture)
    planes = frame.to_ndarray()
    luma, chroma = planes[:128], planes[128:].reshape(2, 64, 64)
    wanted = _by_definition(picture, *MATRICES[name][1:], full)
    assert np.abs(luma - wanted[0])[8::16, 8::16].max() <= 1
    assert np.abs(chroma - wanted[1:, ::2, ::2])[:, 4::8, 4::8].max() <= 1
    back = ToRgb(_color(name, full), 128, 128)(frame)
    assert np.abs(back.astype(int) - picture)[8::16, 8::16].max() <= 3


def _clip(space: str, levels: str, folder: Path) -> Path:
    path = folder / "clip.mp4"
    scale = f"scale=480:270:in_color_matrix=smpte170m:out_color_matrix={space}:in_range=tv:out_range={levels}"
    tags = f"setparams=colorspace={space}:color_primaries={space}:color_trc={space}:range={levels}"
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p")
    ffmpeg("-i", str(real("mdn_flower.mp4")), "-an", "-frames:v", "6", "-vf", f"{scale},{tags}", *coding, str(path))
    return path


@pytest.mark.parametrize("levels", ["tv", "pc"])
@pytest.mark.parametrize("space", ["bt709", "smpte170m"])
def test_an_unstyled_video_comes_back_as_it_was(space: str, levels: str, tmp_path: Path) -> None:
    with _clip(space, levels, tmp_path).open("rb") as file:
        video = probe(file)
        pictures = list(decode(file, video, 0, 6))
    assert video.color.full == (levels == "pc")
    sink = BytesIO()
    encode(pictures, [Group(0, 6)], video, sink, Encoding(crf=12, preset="veryfast"))
    sink.seek(0)
    with av.open(sink) as coded:
        frames = list(coded.decode(video=0))
    assert {color_of(frame) for frame in frames} == {video.color}
    back = np.stack([ToRgb(video.color, video.width, video.height)(frame) for frame in frames]).astype(float)
    before = np.stack(pictures).astype(float)
    assert 10 * np.log10(255**2 / ((back - before) ** 2).mean()) > 38
    assert np.abs((back - before).mean(axis=(0, 1, 2))).max() < 1


def test_rgb_videos_become_limited_range_bt709() -> None:
    frame = VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="gbrp")
    color = color_of(frame)
    assert (color.space, color.full, color.matrix) == (1, False, 1)


def test_without_a_word_small_pictures_are_bt601_and_large_ones_bt709() -> None:
    assert color_of(VideoFrame(640, 480, "yuv420p")).matrix == 5
    assert color_of(VideoFrame(1280, 720, "yuv420p")).matrix == 1
    assert color_of(VideoFrame(64, 48, "yuvj420p")).full


def test_odd_sizes_repeat_their_last_row_and_column() -> None:
    picture = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    padded = even(picture)
    assert padded.shape == (4, 6, 3)
    assert np.array_equal(padded[3, :5], picture[2])
    assert np.array_equal(padded[:3, 5], picture[:, 4])
    assert even(picture[:2, :4]).shape == (2, 4, 3)


def test_a_matrix_that_is_not_supported_is_treated_as_bt709() -> None:
    frame = VideoFrame(64, 48, "yuv420p")
    frame.colorspace = 8  # YCgCo
    assert color_of(frame).space == replace(color_of(frame), matrix=1).space == 1
