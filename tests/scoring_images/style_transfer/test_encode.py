"""Coded frames do not depend on how a video is cut into segments."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import cv2
import numpy as np
import pytest

from scoring_images.style_transfer import encode as encoding
from scoring_images.style_transfer.color import Picture
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


def _drifting() -> Iterator[Picture]:
    """Blurred noise that drifts: what x264's AVX-512 code does most differently at each run."""
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    for step in range(50):
        yield np.asarray(cv2.GaussianBlur(np.roll(noise, (step, 2 * step), (0, 1)), (0, 0), 2), np.uint8)


def _coded(assembler: str | None, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The drifting noise, coded with other instructions than the processor's best, or, None, as ever."""
    sink, video = BytesIO(), replace(film(odd("rotated.mp4")).video, width=160, height=120)
    with monkeypatch.context() as patch:
        if assembler is not None:
            patch.setattr(encoding, "ASSEMBLER", assembler)
        encode(_drifting(), groups(50), video, sink)
    return sink.getvalue()


def test_the_same_frames_give_the_same_bytes_at_each_run_and_on_each_kind_of_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = _coded("asm=0", monkeypatch)
    assert all(_coded(None, monkeypatch) == plain for _ in range(4))
    assert _coded("asm=ssse3", monkeypatch) == plain


def test_x264_uses_avx512_nowhere_and_what_else_the_processor_has(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _log_of(lambda: _coded(None, monkeypatch))
    used = [text for text in said if "using cpu capabilities" in text]
    assert used
    assert "AVX512" not in used[0]
    best = _log_of(lambda: _coded("asm=auto", monkeypatch))
    assert ("AVX2" in used[0]) == any("AVX2" in text for text in best if "using cpu capabilities" in text)


def _log_of(act: Callable[[], object]) -> list[str]:
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture(local=False) as lines:
            act()
    finally:
        av.logging.set_level(before)
    return [text for _, _, text in lines]


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
