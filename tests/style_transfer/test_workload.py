"""Style runs: one per version of a video, whoever tells of it and however often; any name is only a name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scoring_images.style_transfer.__main__ import parser
from shared.app import make_driver, make_intake
from shared.errors import InvalidInput, NotFound
from shared.runs import uploads
from shared.runs.driver import Message
from shared.runs.record import Run, State
from shared.runs.store import _ID
from shared.runs.workload import Planner
from shared.settings import Settings
from shared.storage import BlobInfo, MemoryStorage
from shared.style_transfer.workload import STYLE, Options, asked_run

SETTINGS = Settings()


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


def driver_at(storage: MemoryStorage, later: timedelta = timedelta()):
    return replace(make_driver(SETTINGS, storage), now=lambda: datetime.now(UTC) + later)


def start(driver, storage: MemoryStorage, settings: Settings, name: str, etag: str = "") -> str | None:
    return make_intake(settings, storage, driver).start(STYLE, name, etag)


def sweep_uploads(driver, storage: MemoryStorage, settings: Settings) -> list[str]:
    return make_intake(settings, storage, driver).sweep()


def run_id_of(name: str, etag: str) -> str:
    return uploads.run_id_of("style", "videos", name, etag)


def run_for(storage: MemoryStorage, name: str) -> Run:
    """The run that the upload sets off."""
    driver = driver_at(storage)
    return driver.store.load(start(driver, storage, SETTINGS, name) or "")[0]


def upload(storage: MemoryStorage, name: str = "a.mp4", data: bytes = b"film", **metadata: str) -> str:
    return storage.data("videos").put(name, data, metadata=metadata)


def test_an_upload_told_three_times_is_one_run(storage: MemoryStorage) -> None:
    etag = upload(storage)
    driver = driver_at(storage)
    ids = {start(driver, storage, SETTINGS, "a.mp4", etag.strip('"')) for _ in range(3)}
    assert len(ids) == 1
    assert len(storage.queue("runs").messages) == 1


def test_an_overwritten_video_is_another_run_and_the_old_event_starts_none(storage: MemoryStorage) -> None:
    driver = driver_at(storage)
    old = upload(storage, data=b"old")
    first = start(driver, storage, SETTINGS, "a.mp4", old)
    new = upload(storage, data=b"new")
    assert start(driver, storage, SETTINGS, "a.mp4", old) is None
    assert start(driver, storage, SETTINGS, "a.mp4", new) not in (None, first)


def test_a_video_that_is_gone_starts_nothing(storage: MemoryStorage) -> None:
    assert start(driver_at(storage), storage, SETTINGS, "gone.mp4", "1") is None


def test_the_sweep_starts_uploads_whose_event_was_lost_once(storage: MemoryStorage) -> None:
    told, lost = upload(storage, "told.mp4"), upload(storage, "lost.mp4")
    start(driver_at(storage), storage, SETTINGS, "told.mp4", told)
    later = driver_at(storage, timedelta(minutes=1))
    assert sweep_uploads(later, storage, SETTINGS) == [run_id_of("lost.mp4", lost)]
    assert sweep_uploads(later, storage, SETTINGS) == []


def test_the_sweep_leaves_fresh_uploads_to_their_event(storage: MemoryStorage) -> None:
    upload(storage)
    assert sweep_uploads(driver_at(storage), storage, SETTINGS) == []


def test_options_come_from_the_request_then_the_metadata_then_the_settings(storage: MemoryStorage) -> None:
    upload(storage, style="scream", crf="30")
    now = datetime.now(UTC)
    run = asked_run(storage, SETTINGS, "a.mp4", Options(crf=12), now)
    assert (run.params["style"], run.params["crf"], run.params["steady"]) == ("scream", "12", "false")
    assert run.id != run_for(storage, "a.mp4").id


@pytest.mark.parametrize(
    "metadata", [{"crf": "high"}, {"crf": "99"}, {"style": "../x"}, {"steady": "maybe"}, {"segments": "0"}]
)
def test_metadata_that_cannot_be_used_fails_the_run_with_the_reason(
    storage: MemoryStorage, metadata: dict[str, str]
) -> None:
    etag = upload(storage, **metadata)
    driver = driver_at(storage)
    run_id = start(driver, storage, SETTINGS, "a.mp4", etag)
    assert run_id
    run = driver.store.load(run_id)[0]
    with pytest.raises(InvalidInput, match=next(iter(metadata))):
        Planner(STYLE, MemoryStorage(), SETTINGS).plan(run.id, run.params)
    assert run.state is State.QUEUED


def test_a_video_that_is_not_there_cannot_be_asked_for(storage: MemoryStorage) -> None:
    with pytest.raises(NotFound, match="Upload it first"):
        asked_run(storage, SETTINGS, "gone.mp4", Options(), datetime.now(UTC))


@pytest.mark.parametrize("name", ["../styled/film.mp4", "a/../../b.mp4", "", "a/./b.mp4", "a\\b.mp4", "a\nb.mp4", "a."])
def test_a_name_that_leads_elsewhere_is_refused_whatever_is_there(storage: MemoryStorage, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a blob's name"):
        asked_run(storage, SETTINGS, name, Options(), datetime.now(UTC))


def test_a_video_whose_results_would_have_too_long_names_is_refused_before_work_begins(storage: MemoryStorage) -> None:
    upload(storage, "a" * 1010 + ".mp4")
    assert asked_run(storage, SETTINGS, "a" * 1010 + ".mp4", Options(), datetime.now(UTC))
    upload(storage, "a" * 1015 + ".mp4")
    with pytest.raises(InvalidInput, match="1024 are allowed"):
        asked_run(storage, SETTINGS, "a" * 1015 + ".mp4", Options(), datetime.now(UTC))


@pytest.mark.parametrize(
    "name", ["a/../b.mp4", "a\nrun succeeded run=x.mp4", "b" * 1020 + ".mp4", "a\uffff.mp4", "a\\b.mp4"]
)
def test_an_upload_under_such_a_name_has_one_run_that_fails_with_the_reason(storage: MemoryStorage, name: str) -> None:
    held = BlobInfo(name, '"1"', 4, datetime.now(UTC))
    storage.data("videos").blobs[name] = b"film", held  # by another client than ours
    later = driver_at(storage, timedelta(minutes=1))
    run_id = start(later, storage, SETTINGS, name, "1")
    assert run_id
    assert sweep_uploads(later, storage, SETTINGS) == []
    later.move(Message(run_id, 0))
    run, _ = later.store.load(run_id)
    assert run.state is State.FAILED
    assert "cannot be a blob's name" in run.reason
    assert run.reason.isprintable()


def test_folders_and_empty_files_of_hierarchical_accounts_are_no_uploads(storage: MemoryStorage) -> None:
    folder, empty = upload(storage, "cameras", b"", hdi_isfolder="true"), upload(storage, "cameras/a.mp4", b"")
    later = driver_at(storage, timedelta(minutes=1))
    assert sweep_uploads(later, storage, SETTINGS) == []
    assert start(later, storage, SETTINGS, "cameras", folder) is None
    assert start(later, storage, SETTINGS, "cameras/a.mp4", empty)
    with pytest.raises(NotFound):
        asked_run(storage, SETTINGS, "cameras", Options(), datetime.now(UTC))


@given(
    st.sampled_from(["", "-dash", "--video=x", "@file", "a/-b", "[/nope]", "100%", "50%25"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"], exclude_characters="\\"), max_size=60),
)
def test_any_name_is_only_a_name(begin: str, rest: str) -> None:
    storage, name = MemoryStorage(), f"{begin}{rest}!"
    assume(not any(segment.endswith(".") for segment in name.split("/")))
    upload(storage, name)
    run = run_for(storage, name)
    assert _ID.fullmatch(run.id)
    split, *_ = Planner(STYLE, MemoryStorage(), SETTINGS).plan(run.id, run.params)
    word = next(word for word in split.command if word.startswith("--params="))
    assert parser().parse_args(split.command[3:]).params.video == name
    assert not set(word) & set(" '\"`$;|&<>()\\\n\r\t*?[]{}!#@")


def test_stylizing_needs_the_split_and_joining_needs_every_segment(storage: MemoryStorage) -> None:
    upload(storage, data=b"0" * 1_600_000)
    run = run_for(storage, "a.mp4")
    split, *stylize, join = Planner(STYLE, MemoryStorage(), SETTINGS).plan(run.id, run.params)
    assert len(stylize) == 4
    assert (split.needs, {task.needs for task in stylize}) == ((), {("split",)})
    assert set(join.needs) == {task.id for task in stylize}


def test_the_same_name_in_a_hash_or_a_path_is_another_run() -> None:
    ids = {run_id_of(name, "1") for name in ("a.mp4", "b/a.mp4", "a.mov", "A.mp4", "")}
    assert len(ids) == 5
