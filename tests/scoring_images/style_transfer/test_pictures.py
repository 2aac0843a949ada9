"""The poster and the sheet show the right moments, upright and with square pixels."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from scoring_images.style_transfer.color import Picture
from scoring_images.style_transfer.frames import decode
from scoring_images.style_transfer.pictures import poster, sheet
from tests.scoring_images.style_transfer.clips import ffmpeg, odd
from tests.scoring_images.style_transfer.films import film


def _read(path: Path) -> Picture:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)


def _alike(a: Picture, b: Picture) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(float) - b).mean()) < 15


@pytest.mark.parametrize(
    ("name", "size"), [("irregular.mkv", (64, 96)), ("rotated.mp4", (96, 64)), ("anamorphic.mp4", (64, 128))]
)
def test_the_poster_is_a_frame_as_players_show_it(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    clip = film(odd(name))
    poster(clip.joined(2, tmp_path).path, clip.video, tmp_path / "poster.jpg")
    assert _read(tmp_path / "poster.jpg").shape[:2] == size


@pytest.mark.parametrize("name", ["irregular.mkv", "rotated.mp4", "mirrored.mp4"])
def test_the_poster_is_turned_as_players_turn_the_video(name: str, tmp_path: Path) -> None:
    clip = film(odd(name))
    poster(clip.joined(2, tmp_path).path, clip.video, tmp_path / "poster.jpg")
    ffmpeg(
        "-i", str(tmp_path / "joined.mp4"), "-vf", "select=eq(n\\,10)", "-frames:v", "1", str(tmp_path / "player.png")
    )
    assert _alike(_read(tmp_path / "poster.jpg"), _read(tmp_path / "player.png"))


@pytest.mark.parametrize("name", ["irregular.mkv", "raw.h264", "offset.ts"])
def test_the_sheet_has_the_source_above_and_the_styled_frames_below(name: str, tmp_path: Path) -> None:
    clip = film(odd(name))
    with clip.path.open("rb") as source:
        sheet(source, clip.joined(2, tmp_path).path, clip.video, tmp_path / "sheet.jpg")
        wanted = next(decode(source, clip.video, 11, 12))
    shown = _read(tmp_path / "sheet.jpg")
    assert shown.shape == (2 * 64 + 4, 4 * 96 + 3 * 4, 3)
    assert _alike(shown[:64, 100:196], wanted)
    assert _alike(shown[68:, 100:196], wanted)


def test_pictures_of_a_video_of_one_frame_repeat_it(tmp_path: Path) -> None:
    clip = film(odd("one-frame.mp4"))
    joined = clip.joined(1, tmp_path).path
    poster(joined, clip.video, tmp_path / "poster.jpg")
    with clip.path.open("rb") as source:
        sheet(source, joined, clip.video, tmp_path / "sheet.jpg")
    with av.open(str(tmp_path / "sheet.jpg")) as file:
        assert file.streams.video[0].width == 4 * 96 + 3 * 4
