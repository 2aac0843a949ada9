"""Frames of a segment are those of the index, wherever decoding began."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring_images.style_transfer.frames import decode
from scoring_images.style_transfer.video import probe
from shared.errors import Transient
from tests.scoring_images.style_transfer.clips import ODD_CLIPS, PICTURE, ffmpeg, odd, real


def _same_in_any_part(path: Path, parts: list[tuple[int, int]]) -> None:
    with path.open("rb") as file:
        video = probe(file)
        video = replace(video, width=96, height=64) if video.width > 200 else video
        whole = list(decode(file, video, 0, len(video.timestamps)))
        assert len(whole) == len(video.timestamps)
        for first, last in parts:
            pictures = list(decode(file, video, first, last))
            assert len(pictures) == last - first
            assert all(np.array_equal(a, b) for a, b in zip(pictures, whole[first:last], strict=True))


@pytest.mark.parametrize("name", sorted(ODD_CLIPS.keys() - {"one-frame.mp4"}))
def test_a_part_decodes_to_the_same_frames_as_the_whole(name: str) -> None:
    _same_in_any_part(odd(name), [(1, 2), (11, 19), (29, 30), (30, 30)])


def test_frames_that_need_those_before_a_key_frame_are_right(tmp_path: Path) -> None:
    options = ("-x264-params", "open-gop=1:keyint=8:min-keyint=8:bframes=3:b-adapt=0:scenecut=0")
    ffmpeg(*PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv420p", *options, str(tmp_path / "open.mp4"))
    _same_in_any_part(tmp_path / "open.mp4", [(number, 30) for number in range(5, 12)])


@pytest.mark.slow
def test_frames_around_damage_are_right() -> None:
    _same_in_any_part(real("decord_corrupted.mp4"), [(0, 20), (20, 35), (35, 49)])


def test_a_frame_is_rgb_of_the_index_size() -> None:
    with odd("odd-size.mkv").open("rb") as file:
        picture = next(decode(file, probe(file), 3, 4))
    assert picture.shape == (63, 95, 3)
    assert picture.dtype == np.uint8


def test_frames_of_another_size_are_scaled_to_the_first() -> None:
    file = io.BytesIO(odd("raw.h264").read_bytes() + odd("large.h264").read_bytes())
    assert {picture.shape for picture in decode(file, probe(file), 25, 35)} == {(64, 96, 3)}


def test_another_file_than_the_one_indexed_is_noticed() -> None:
    with odd("irregular.mkv").open("rb") as file:
        video = probe(file)
        other = replace(video, checksums=(*video.checksums[:20], 0, *video.checksums[21:]))
        assert len(list(decode(file, other, 10, 20))) == 10
        with pytest.raises(Transient, match="Frame 20 is not the one"):
            list(decode(file, other, 10, 25))
        more = replace(video, timestamps=(*video.timestamps, 5000), checksums=(*video.checksums, 0))
        with pytest.raises(Transient, match="Frame 30 is not the one"):
            list(decode(file, more, 0, 31))
