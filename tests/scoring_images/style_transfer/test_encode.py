"""Coded frames do not depend on how a video is cut into segments."""

from fractions import Fraction
from io import BytesIO

import av
import pytest

from scoring_images.style_transfer.encode import coded_size, encode
from scoring_images.style_transfer.groups import groups
from tests.scoring_images.style_transfer.clips import odd
from tests.scoring_images.style_transfer.films import FAST, film


def _packets(file: BytesIO) -> list[tuple[int, bytes]]:
    if not file.getvalue():
        return []
    with av.open(BytesIO(file.getvalue())) as coded:
        return [(packet.pts or 0, bytes(packet)) for packet in coded.demux(video=0) if packet.size]


def test_the_coded_bytes_are_the_same_for_any_number_of_segments() -> None:
    clip = film(odd("irregular.mkv"))
    whole = [data for _, data in _packets(clip.segments(1)[0])]
    for count in (2, 3, 7, 20):
        parts = [_packets(part) for part in clip.segments(count)]
        assert [data for part in parts for _, data in part] == whole
        assert all(sorted(number for number, _ in part) == list(range(len(part))) for part in parts)


def test_the_same_frames_give_the_same_file() -> None:
    clip = film(odd("rotated.mp4"))
    first, second = (clip.segments(1)[0].getvalue() for _ in range(2))
    assert first == second


def test_odd_sizes_become_even() -> None:
    clip = film(odd("odd-size.mkv"))
    assert coded_size(clip.video) == (96, 64)
    with av.open(clip.segments(1)[0]) as coded:
        assert {(frame.width, frame.height) for frame in coded.decode(video=0)} == {(96, 64)}


def test_what_the_video_says_of_its_picture_is_written() -> None:
    with av.open(film(odd("anamorphic.mp4")).segments(1)[0]) as coded:
        assert coded.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_a_frame_that_is_missing_is_an_error() -> None:
    clip = film(odd("rotated.mp4"))
    with pytest.raises(ValueError, match="2 frames for a group of 3"):
        encode(clip.pictures[:8], groups(30), clip.video, BytesIO(), FAST)


def test_no_groups_give_an_empty_file() -> None:
    clip, sink = film(odd("rotated.mp4")), BytesIO()
    assert encode(clip.pictures, [], clip.video, sink) == 0
    assert sink.getvalue() == b""
