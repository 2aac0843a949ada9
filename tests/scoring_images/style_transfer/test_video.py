"""The index of a video: every frame that can be decoded, and what there is beside them."""

import io
from fractions import Fraction

import av
import msgspec
import pytest

from scoring_images.style_transfer.video import Video, probe
from tests.scoring_images.style_transfer.clips import ODD_CLIPS, REAL_CLIPS, odd, real
from tests.scoring_images.style_transfer.films import film


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL_CLIPS)
def test_every_frame_of_a_real_clip_is_indexed_and_missing_ones_are_counted(name: str) -> None:
    video = film(real(name)).video
    assert (len(video.timestamps), video.missing) == REAL_CLIPS[name]


FRAMES = {"one-frame.mp4": 1, "late_end.mp4": 62}


@pytest.mark.parametrize("name", ODD_CLIPS)
def test_times_are_those_that_decoding_gives(name: str) -> None:
    video = film(odd(name)).video
    with av.open(str(odd(name))) as file:
        stream = file.streams.video[0]
        shown = [frame.pts for frame in file.decode(stream)]
    assert len(video.timestamps) == len(shown) == FRAMES.get(name, 30)
    assert video.missing == video.damaged == 0
    if not video.repaired:
        assert [time + video.origin for time in video.timestamps] == shown


def test_an_index_survives_json() -> None:
    video = film(odd("many-streams.mkv")).video
    assert msgspec.json.decode(msgspec.json.encode(video), type=Video) == video


def test_the_rest_of_the_file_is_described() -> None:
    others = film(odd("many-streams.mkv")).video.others
    described = [(other.index, other.type, other.codec, other.language) for other in others]
    assert described == [
        (0, "audio", "aac", "eng"),
        (2, "audio", "flac", "deu"),
        (3, "subtitle", "subrip", "fra"),
    ]


def test_facts_of_the_picture_are_kept() -> None:
    assert film(odd("anamorphic.mp4")).video.sample_aspect_ratio == Fraction(4, 3)
    assert film(odd("rotated.mp4")).video.rotation == 90
    assert film(odd("ten-bits.mp4")).video.pixel_format == "yuv420p10le"
    assert film(odd("offset.ts")).video.timestamps[0] == 1920  # 21 ms after the sound, as in the file


def test_a_stream_without_times_gets_even_ones() -> None:
    video = film(odd("raw.h264")).video
    assert video.repaired == 30
    steps = {b - a for a, b in zip(video.timestamps, video.timestamps[1:], strict=False)}
    assert {step * video.time_base for step in steps} == {Fraction(1, 25)}


def test_a_film_of_two_sizes_is_indexed_and_says_so() -> None:
    small, large = odd("raw.h264").read_bytes(), odd("large.h264").read_bytes()
    video = probe(io.BytesIO(small + large))
    assert (len(video.timestamps), video.resized, video.width) == (60, 30, 96)


def test_a_cut_off_matroska_file_counts_its_missing_frames() -> None:
    data = odd("late-sound.mkv").read_bytes()
    whole, cut = probe(io.BytesIO(data)), probe(io.BytesIO(data[: len(data) // 2]))
    assert whole.missing == 0
    assert len(cut.timestamps) < 30
    assert abs(cut.missing - (30 - len(cut.timestamps))) <= 2
