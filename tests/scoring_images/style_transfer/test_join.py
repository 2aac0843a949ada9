"""Joined videos have their input's frames, times, sound and the rest, for any number of segments."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import pytest
from av.container import InputContainer

from scoring_images.style_transfer.container import fraction
from scoring_images.style_transfer.encode import Encoding
from scoring_images.style_transfer.join import Joined, join
from scoring_images.style_transfer.strand import string_together
from scoring_images.style_transfer.verify import verify
from shared.errors import Transient
from tests.scoring_images.style_transfer.clips import ODD_CLIPS, REAL_CLIPS, odd, real
from tests.scoring_images.style_transfer.films import Film, film


def _joined(clip: Film, folder: Path, count: int = 3) -> Joined:
    return clip.joined(count, folder)


def _times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        tick = fraction(stream.time_base)
        return [(frame.pts or 0) * tick for frame in file.decode(stream)]


def _begins(file: InputContainer) -> list[Fraction]:
    return [(stream.start_time or 0) * fraction(stream.time_base) for stream in file.streams.audio]


def _check_any_number_of_segments(clip: Film, folder: Path, counts: Sequence[int]) -> None:
    video, origin = clip.video, clip.video.origin * clip.video.time_base
    files = [clip.joined(count, folder).path.read_bytes() for count in counts]
    assert all(file == files[0] for file in files)
    path = folder / "joined.mp4"
    assert _times(path) == [time * video.time_base for time in video.timestamps]
    with av.open(str(path)) as after, av.open(str(clip.path)) as before:
        frame = 1 / video.rate
        length = (after.streams.video[0].duration or 0) * fraction(after.streams.video[0].time_base)
        assert abs(length - (video.end - video.timestamps[0]) * video.time_base) < frame
        assert len(after.streams.audio) == len(before.streams.audio)
        for is_, was in zip(_begins(after), _begins(before), strict=True):
            assert abs(is_ - (was - origin)) < frame


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL_CLIPS)
def test_a_real_clip_keeps_its_times_and_sound_for_any_number_of_segments(name: str, tmp_path: Path) -> None:
    _check_any_number_of_segments(film(real(name)), tmp_path, (1, 2, 3, 7))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ODD_CLIPS.keys() - {"raw.h264"}))
def test_an_odd_clip_keeps_its_times_and_sound_for_any_number_of_segments(name: str, tmp_path: Path) -> None:
    _check_any_number_of_segments(film(odd(name)), tmp_path, (1, 3))


@pytest.mark.parametrize(("name", "degrees"), [("rotated.mp4", 90), ("irregular.mkv", 0)])
def test_a_turned_picture_stays_turned(name: str, degrees: int, tmp_path: Path) -> None:
    with av.open(str(_joined(film(odd(name)), tmp_path).path)) as file:
        assert next(file.decode(video=0)).rotation == degrees


def test_all_streams_that_mp4_holds_are_kept_with_their_language(tmp_path: Path) -> None:
    joined = _joined(film(odd("many-streams.mkv")), tmp_path)
    assert joined.streams == (
        "stream 1, video (h264): styled",
        "stream 0, audio (aac, eng): copied",
        "stream 2, audio (flac, deu): copied",
        "stream 3, subtitle (subrip, fra): converted to MP4's text",
    )
    with av.open(str(joined.path)) as file:
        assert [stream.language for stream in file.streams.audio] == ["eng", "deu"]
        assert [stream.language for stream in file.streams.subtitles] == ["fra"]
        assert file.metadata["title"] == "A film"
        assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["Opening"]
        texts = [(packet.pts, bytes(packet)[2:]) for packet in file.demux(subtitles=0) if packet.size > 2]
        assert texts == [(200_000, b"Hello")]


@pytest.mark.parametrize(("name", "said"), [("pcm.mov", "pcm_s16le"), ("vp8.webm", "vorbis")])
def test_sound_that_mp4_cannot_hold_is_converted(name: str, said: str, tmp_path: Path) -> None:
    joined = _joined(film(odd(name)), tmp_path)
    assert joined.streams[1] == f"stream 1, audio ({said}): converted to AAC, MP4 cannot hold it"
    with av.open(str(joined.path)) as file:
        assert file.streams.audio[0].codec_context.codec.canonical_name == "aac"


def test_sound_that_cannot_be_read_is_left_out_and_said(tmp_path: Path) -> None:
    data = bytearray(odd("vp8.webm").read_bytes())
    setup = data.index(b"\x05vorbis")
    data[setup + 7 : setup + 500] = bytes(493)
    (tmp_path / "source").write_bytes(data)
    joined = film(tmp_path / "source").joined(1, tmp_path)
    assert joined.streams[1] == "stream 1, audio (vorbis): left out, it cannot be read"


def test_copied_sound_is_the_same_bytes(tmp_path: Path) -> None:
    clip = film(odd("late-sound.mp4"))
    with av.open(str(_joined(clip, tmp_path).path)) as after, av.open(str(clip.path)) as before:
        sounds = [[bytes(packet) for packet in file.demux(audio=0)] for file in (after, before)]
    assert sounds[0] == sounds[1]


def test_the_index_of_the_file_comes_first(tmp_path: Path) -> None:
    data = _joined(film(odd("late-sound.mp4")), tmp_path).path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_no_scraps_are_left_beside_the_joined_video(tmp_path: Path) -> None:
    _joined(film(odd("rotated.mp4")), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["joined.mp4"]


def test_a_lost_or_damaged_segment_is_noticed(tmp_path: Path) -> None:
    clip = film(odd("irregular.mkv"))
    parts = clip.segments(3)
    for wrong, reason in (
        (parts[:2], "have 18 frames"),
        ([*parts, parts[0]], "more frames"),
        ([parts[0], BytesIO(b"no segment"), parts[2]], "cannot be read"),
        ([BytesIO(part.getvalue()[:-300]) for part in parts], "frames"),
    ):
        with pytest.raises(Transient, match=reason):
            join(wrong, clip.path, clip.video, tmp_path)


def test_a_source_that_is_gone_is_an_error_that_names_it(tmp_path: Path) -> None:
    clip = film(odd("rotated.mp4"))
    with pytest.raises(Transient, match="No such file"):
        join(clip.segments(1), tmp_path / "gone", clip.video, tmp_path)


def test_a_full_disk_is_an_error_that_says_so() -> None:
    clip = film(odd("rotated.mp4"))
    with pytest.raises(Transient, match="No space left on device"):
        string_together(clip.segments(1), clip.video, Path("/dev/full"))


def test_verification_tells_what_is_wrong(tmp_path: Path) -> None:
    clip, other = film(odd("rotated.mp4")), film(odd("irregular.mkv"))
    path = _joined(clip, tmp_path).path
    with pytest.raises(Transient, match="turned another way"):
        verify(path, other.video)
    assert verify(path, clip.video) == 0
    path = _joined(other, tmp_path).path
    with pytest.raises(Transient, match="shows 30 frames instead of 1"):
        verify(path, film(odd("one-frame.mp4")).video)
    with pytest.raises(Transient, match="Frame 10 of the joined video is at"):
        verify(path, film(odd("ten-bits.mp4")).video)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(Transient):
        verify(path, other.video)


@pytest.mark.parametrize(
    ("times", "end"),
    [
        ([0, 33, 67, 100, 133, 167, 200], 233),
        ([7, 8, 9, 10, 50, 90, 590], 630),
        ([0, 1, 501], 2501),
        ([400, 440, 441, 3441, 3442, 3475, 3480, 3520], 3521),
    ],
)
def test_any_times_are_kept_where_frames_could_be_reordered_too(times: list[int], end: int, tmp_path: Path) -> None:
    clip = film(odd("irregular.mkv"))
    video = replace(clip.video, timestamps=tuple(times), end=end)
    other = replace(clip, video=video, pictures=clip.pictures[: len(times)])
    path = other.joined(2, tmp_path, Encoding(crf=30, preset="veryfast")).path
    assert _times(path) == [Fraction(time, 1000) for time in times]
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        lasts = (stream.duration or 0) * fraction(stream.time_base)
    assert abs(lasts - Fraction(end - times[0], 1000)) <= Fraction(1, 1000)


def test_a_last_frame_that_comes_late_is_waited_for_where_frames_are_reordered_too(tmp_path: Path) -> None:
    film(odd("late_end.mp4")).joined(2, tmp_path, Encoding(crf=30, preset="veryfast"))
