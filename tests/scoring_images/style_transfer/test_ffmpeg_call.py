"""ffmpeg is called without a shell, ended when it takes too long, and its errors are passed on."""

from pathlib import Path

import ffmpeg
import pytest

from scoring_images.style_transfer.ffmpeg_call import SAFE, FfmpegFailed, call
from shared.errors import Transient
from tests.scoring_images.style_transfer.clips import odd


def test_the_last_line_of_the_log_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FfmpegFailed, match="No such file or directory"):
        call(ffmpeg.input(str(tmp_path / "gone; touch $(x)")).output(str(tmp_path / "x.mp4")), 10)
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    endless = ffmpeg.input("testsrc2=size=1280x720", format="lavfi")
    with pytest.raises(Transient, match="ended after 0 s"):
        call(endless.output(str(tmp_path / "x.mkv"), vcodec="ffv1"), 0.2)


def test_a_full_disk_is_named() -> None:
    with pytest.raises(Transient, match="disk is full"):
        call(ffmpeg.input(str(odd("rotated.mp4"))).output("/dev/full", format="nut", vcodec="rawvideo"), 10)


def test_an_input_made_by_a_stranger_opens_no_other_file(tmp_path: Path) -> None:
    playlist = tmp_path / "source"
    playlist.write_text(f"ffconcat version 1.0\nfile {odd('rotated.mp4')}\n")
    with pytest.raises(FfmpegFailed):
        call(ffmpeg.input(str(playlist), **SAFE).output(str(tmp_path / "x.mp4"), vcodec="copy"), 10)
