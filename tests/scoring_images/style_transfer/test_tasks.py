"""The tasks of a style run, on storage in memory: from an upload to what users find, whatever happens in between."""

import json
import os
from datetime import datetime
from io import BytesIO
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from scoring_images.style_transfer import finish as finishing
from scoring_images.style_transfer.__main__ import main
from scoring_images.style_transfer.finish import finish
from scoring_images.style_transfer.job import Order, Work
from scoring_images.style_transfer.split import split
from scoring_images.style_transfer.stylize import stylize
from shared.errors import InvalidInput, NotFound, Transient
from shared.settings import Settings
from shared.storage import MemoryStorage, Storage
from shared.style_transfer.styles import KIND, publish
from tests.scoring_images.style_transfer.clips import odd, real
from tests.scoring_images.style_transfer.networks import normalising, swapping

SETTINGS = Settings(task_threads=1)
NAME = "-a b/-ünï;$(x)'[/nope]%23#?+😀.mp4"


class Studio:
    """Storage with a video and a style."""

    def __init__(self, clip: Path, network: bytes | None = None) -> None:
        self.storage = MemoryStorage()
        publish(self.storage.control("bundles"), "swap", network or swapping(), painting={}, parameters={}, metrics={})
        self.upload(clip)

    def upload(self, clip: Path) -> None:
        self.storage.data("videos").put(NAME, clip.read_bytes())

    def order(self, segments: int = 2, *, run: str = "r", steady: bool = False, strict: bool = False) -> Order:
        info = self.storage.data("videos").info(NAME)
        assert info
        return Order(NAME, info.etag.strip('"'), "swap", 18, steady, segments, run=run, strict=strict)

    def run(self, segments: int = 2, *, run: str = "r", steady: bool = False) -> bytes:
        """All tasks, one after the other; the styled video."""
        split(self.order(segments, run=run, steady=steady), self.storage, SETTINGS)
        for number in range(segments):
            stylize(run, number, self.storage, SETTINGS)
        finish(run, self.storage)
        return self.styled()

    def styled(self) -> bytes:
        blob = self.storage.data("styled").get(NAME)
        assert blob
        return blob.data

    def results(self) -> list[str]:
        return [info.name for info in self.storage.data("styled").list()]


@pytest.fixture
def studio() -> Studio:
    return Studio(odd("irregular.mkv"))


def times(data: bytes) -> list[float]:
    with av.open(BytesIO(data)) as file:
        return [frame.time or 0.0 for frame in file.decode(video=0)]


def test_a_video_comes_out_styled_with_its_times_pictures_and_a_report(studio: Studio) -> None:
    data = studio.run(3)
    stem = NAME.removesuffix(".mp4")
    assert studio.results() == sorted([NAME, f"{stem}.jpg", f"{stem}-sheet.jpg", f"{stem}.json"])
    source = odd("irregular.mkv").read_bytes()
    start = times(source)[0] - times(data)[0]
    assert [time + start for time in times(data)] == pytest.approx(times(source), abs=1e-6)
    with av.open(BytesIO(data)) as after, av.open(BytesIO(source)) as before:
        shown, was = (next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int) for file in (after, before))
    assert np.abs(shown - was[..., [2, 0, 1]]).mean() < 12


def test_the_report_says_what_was_done(studio: Studio) -> None:
    data = studio.run(3)
    blob = studio.storage.data("styled").get(NAME.removesuffix(".mp4") + ".json")
    assert blob
    report = json.loads(blob.data)
    assert report["frames"] == len(times(data))
    assert {"decode", "network", "encode", "join", "publish"} - {"publish"} <= set(report["seconds"])
    assert (report["style"], report["segments"], report["missing_frames"]) == ("swap", 3, 0)
    assert report["flicker"] is not None
    assert report["streams"]


@pytest.mark.parametrize("steady", [False, True])
def test_any_number_of_segments_gives_the_same_bytes(steady: bool) -> None:
    def data(segments: int) -> bytes:
        return Studio(odd("irregular.mkv"), normalising()).run(segments, steady=steady)

    assert data(1) == data(2) == data(7)


def test_processes_of_an_mpi_job_share_the_segments(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = studio.run(3, run="alone")
    split(studio.order(3), studio.storage, SETTINGS)
    monkeypatch.setattr(Storage, "from_settings", lambda settings: studio.storage)
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", "2")
        assert main(["stylize", "--run", "r"]) == 0
    finish("r", studio.storage)
    assert studio.styled() == expected


def test_tasks_repeated_in_any_order_change_nothing(studio: Studio) -> None:
    first = studio.run()
    work = studio.storage.control("work")
    assert [info.name for info in work.list()] == ["r/published"]
    finish("r", studio.storage)
    studio.run()
    assert [info.name for info in work.list()] == ["r/published"]
    assert studio.styled() == first


def test_a_run_goes_on_where_it_was_cut_off(studio: Studio) -> None:
    split(studio.order(), studio.storage, SETTINGS)
    stylize("r", 1, studio.storage, SETTINGS)
    with pytest.raises(NotFound, match="Segment 0"):
        finish("r", studio.storage)
    assert studio.results() == []
    split(studio.order(), studio.storage, SETTINGS)
    assert studio.run() == Studio(odd("irregular.mkv")).run()


def test_a_join_cut_off_before_publishing_leaves_nothing_to_see(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(finishing, "publish", _die)
        with pytest.raises(SystemExit):
            studio.run()
    assert studio.results() == []
    finish("r", studio.storage)
    assert NAME in studio.results()


def _die(*_: object) -> None:
    raise SystemExit


def test_a_video_overwritten_or_deleted_after_the_split_is_styled_as_it_was(studio: Studio) -> None:
    expected = Studio(odd("irregular.mkv")).run()
    split(studio.order(), studio.storage, SETTINGS)
    studio.storage.data("videos").delete(NAME)
    for number in range(2):
        stylize("r", number, studio.storage, SETTINGS)
    finish("r", studio.storage)
    assert studio.styled() == expected


def test_two_versions_of_a_video_do_not_mix_and_the_newer_one_stays(studio: Studio) -> None:
    old = studio.order(run="old")
    split(old, studio.storage, SETTINGS)
    studio.upload(odd("vp9.webm"))
    newer = studio.run(run="new")
    for number in range(2):
        stylize("old", number, studio.storage, SETTINGS)
    finish("old", studio.storage)
    assert studio.styled() == newer == Studio(odd("vp9.webm")).run()


def test_a_video_replaced_or_deleted_before_the_split_ends_its_run_with_the_reason(studio: Studio) -> None:
    order = studio.order()
    studio.upload(odd("vp9.webm"))
    with pytest.raises(InvalidInput, match="replaced"):
        split(order, studio.storage, SETTINGS)
    studio.storage.data("videos").delete(NAME)
    with pytest.raises(InvalidInput, match="deleted"):
        split(order, studio.storage, SETTINGS)


def test_a_segment_styled_before_the_split_is_tried_again(studio: Studio) -> None:
    with pytest.raises(NotFound, match="split"):
        stylize("r", 0, studio.storage, SETTINGS)


def test_a_damaged_video_is_styled_with_its_gaps_counted_or_refused_as_asked() -> None:
    studio = Studio(real("derived_truncated_flower_300k.mp4"))
    with pytest.raises(InvalidInput, match="117 of 150 frames"):
        split(studio.order(strict=True), studio.storage, SETTINGS)
    split(studio.order(), studio.storage, SETTINGS)
    assert Work.of(studio.storage, "r").index().video.missing == 117


def test_a_file_that_is_damaged_is_refused_where_the_settings_are_strict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRICT_VIDEO", "true")
    clip = real("derived_truncated_flower_300k.mp4")
    assert main(["file", str(clip), str(tmp_path / "out.mp4")]) == 2
    assert "117 of 150 frames" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_video_leaves_no_result_and_says_why(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("not a video")
    studio = Studio(text)
    with pytest.raises(InvalidInput):
        split(studio.order(), studio.storage, SETTINGS)
    assert studio.results() == []


def test_an_unknown_style_is_answered_with_those_there_are(studio: Studio) -> None:
    order = Order(NAME, studio.order().etag, "nothing", 18, False, 1, run="r")
    with pytest.raises(InvalidInput, match="swap"):
        split(order, studio.storage, SETTINGS)


def test_a_full_disk_is_said_and_tried_again(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("scoring_images.style_transfer.join.string_together", full)
        with pytest.raises(Transient, match="No space left"):
            studio.run()
    assert studio.results() == []
    finish("r", studio.storage)
    assert NAME in studio.results()


def test_a_file_is_styled_without_storage_in_a_style_that_lies_in_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    style, target = tmp_path / "swap", tmp_path / "result" / "out.mp4"
    KIND.write_folder(style, swapping(), name="swap", painting={}, parameters={}, metrics={})
    target.parent.mkdir()
    assert main(["file", str(odd("irregular.mkv")), str(target), "--style", str(style)]) == 0
    results = {path.name for path in target.parent.iterdir()}
    assert results == {"out.mp4", "out.jpg", "out-sheet.jpg", "out.json"}
    assert json.loads(target.with_suffix(".json").read_text())["style"] == "swap"
    count = len(times(target.read_bytes()))
    assert f"frame {count} of {count}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["-dash.mkv", "concat:a.mkv", "@a b[nope]%d😀.mkv"], ids=ascii)
def test_a_file_is_styled_whatever_it_is_called(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    KIND.write_folder(tmp_path / "swap", swapping(), name="swap", painting={}, parameters={}, metrics={})
    (tmp_path / name).write_bytes(odd("anamorphic.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["file", "--style=swap", "--", name, "-out.mp4"]) == 0
    assert {"-out.mp4", "-out.json"} <= {path.name for path in tmp_path.iterdir()}


def test_what_cannot_be_styled_ends_with_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("in.mp4", os.fsdecode(b"\xff.mp4")):
        text = tmp_path / name
        text.write_text("hello")
        assert main(["file", str(text), str(tmp_path / "out.mp4")]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out.mp4").exists()


def test_uploaded_times_are_kept_to_the_microsecond(studio: Studio) -> None:
    info = studio.storage.data("videos").info(NAME)
    assert info
    split(studio.order(), studio.storage, SETTINGS)
    assert Work.of(studio.storage, "r").index().modified == info.modified
    assert isinstance(info.modified, datetime)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["file", str(tmp_path / "no.mp4"), str(tmp_path / "out.mp4")]) == 1
    assert capsys.readouterr().err.startswith(f"There is no {tmp_path / 'no.mp4'}.")


def test_what_an_earlier_version_kept_for_the_next_tasks_is_read() -> None:
    text = b'{"run":"r","video":"a.mp4","etag":"1","style":"swap","crf":18,"steady":false,"strict":true,"segments":2}'
    assert msgspec.json.decode(text, type=Order) == Order("a.mp4", "1", "swap", 18, False, 2, run="r", strict=True)
