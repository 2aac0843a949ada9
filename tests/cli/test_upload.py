"""`tally upload`: a video goes into storage and starts its run."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli import upload
from cli.app import app
from shared.app import make_driver
from shared.errors import InvalidInput
from shared.runs.driver import Driver
from shared.runs.uploads import run_id_of
from shared.settings import Settings
from shared.storage import MemoryStorage

type Tally = Callable[..., Result]


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def driver(storage: MemoryStorage, tmp_path: Path) -> Driver:
    return make_driver(Settings(local_compute_dir=str(tmp_path / "compute")), storage)


@pytest.fixture
def tally(storage: MemoryStorage, driver: Driver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tally:
    monkeypatch.setattr(upload, "storage", lambda: storage)
    monkeypatch.setattr(upload, "settings", Settings)
    monkeypatch.setattr(upload, "driver", lambda: driver)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_an_upload_starts_its_run_at_once(tally: Tally, storage: MemoryStorage, driver: Driver, tmp_path: Path) -> None:
    (tmp_path / "my clip.mp4").write_bytes(b"a film")
    told = tally("upload", "my clip.mp4", "--style", "starry-night").output
    blob = storage.data("videos").get("my clip.mp4")
    assert blob is not None
    run = driver.store.load(run_id_of("style", "videos", "my clip.mp4", blob.etag))[0]
    assert (blob.data, run.params["style"], run.id in told) == (b"a film", "starry-night", True)


def test_what_cannot_be_a_style_is_refused_before_anything_is_sent(
    tally: Tally, storage: MemoryStorage, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"a film")
    assert isinstance(tally("upload", "clip.mp4", "--style", "../x").exception, InvalidInput)
    assert list(storage.data("videos").list()) == []
