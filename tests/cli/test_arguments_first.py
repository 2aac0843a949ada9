"""What a command is given is looked at before anything slow or costly begins."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from cli import train_style
from shared.storage import MemoryStorage
from tests.cli.conftest import Ran, Shell, relu


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a painting, a network, a checkpoint that is none, and files that are no folders."""
    Image.new("RGB", (400, 400)).save(tmp_path / "sea.jpg")
    for name in ("text.onnx", "file", "checkpoint.npz", "photos/torn.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / "net.onnx").write_bytes(relu())
    (tmp_path / "half.jpg").write_bytes((tmp_path / "sea.jpg").read_bytes()[:200])
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0 ftypisom\0\0\2\0isomiso2avc1mp41")
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.fixture
def nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_style, "_python", lambda: pytest.fail("PyTorch was looked for"))
    monkeypatch.setattr(train_style, "_follow", lambda command: pytest.fail("a training began"))


WRONG = [
    ({"style": "nope.jpg"}, "--style: there is no file"),
    ({"style": "file"}, "file is not an image that can be read"),
    ({"style": "film.mp4"}, "film.mp4 is not an image that can be read"),
    ({"style": "half.jpg"}, "half.jpg is not an image that can be read"),
    ({"content": "photos"}, "torn.jpg is not an image that can be read"),
    ({"features": "text.onnx"}, "text.onnx is no network in ONNX"),
    ({"features": "--x.onnx"}, "--features: there is no file"),
    ({"taps": "-b"}, "has no output -b; it has, for example, a"),
    ({"content": "nope"}, "--content: there is no"),
    ({"content": "empty"}, "there is no image and no video in"),
    ({"features": "nope.onnx"}, "--features: there is no file"),
    ({"features": "alexnet"}, "these can serve: vgg16"),
    ({"photo": "file"}, "--photo:"),
    ({"start": "checkpoint.npz"}, "--start:"),
    ({"out": "file"}, "file is no folder"),
    ({"out": "file/below"}, "file/below is no folder"),
    ({"python": "nope"}, "nope"),
    ({"name": "A B"}, "cannot be the name of a style"),
    ({"crop": "126"}, "--crop is 126; it must be a multiple of 4"),
    ({"crop": "320"}, "--crop is 320; it must be at most"),
    ({"rate": "nan"}, "--rate is nan"),
    ({"style-weight": "-1"}, "--style-weight is -1.0"),
]


@pytest.mark.parametrize(("changed", "says"), WRONG, ids=str)
def test_a_training_of_a_style_looks_before_it_installs(
    changed: dict[str, str], says: str, place: Path, shell: Shell, nothing_begins: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    sound = {"style": "sea.jpg", "content": "sea.jpg", "features": "net.onnx", "name": "sea", "out": "out"}
    ran = shell("train", "style", *(f"--{name}={value}" for name, value in (sound | changed).items()))
    assert ran.code in (1, 2)
    assert says in ran.err
    assert not (place / "out").exists()


def refused(ran: Ran, says: str) -> None:
    assert (ran.code, ran.out) == (1, "")
    assert says in ran.err


def test_where_results_go_is_looked_at_first(place: Path, accounts: MemoryStorage, shell: Shell) -> None:
    faq, video = place / "faq.json", place / "a.mp4"
    faq.write_text('[{"question": "Why?", "answer": "So."}]')
    video.touch()
    long = "x" * 300
    for out, says in ((place / "file", "is no folder"), (place / long, "is too long")):
        refused(shell("train", "image", "--out", out), says)
        refused(shell("train", "faq", faq, "--out", out), says)
        refused(shell("models", "pull", "resnet152", "--out", out), says)
    for out, says in (
        (place / "no" / "a.mp4", "There is no folder"),
        (place / "empty", "is a folder"),
        ("", "names no file"),
    ):
        refused(shell("style", video, "--out", out), says)
        refused(shell("simulate", "--labels", out), says)


def test_storage_that_is_away_is_found_before_the_work(place: Path, nowhere: None, shell: Shell) -> None:
    (place / "faq.json").write_text('[{"question": "Why?", "answer": "So."}]')
    for words in (("train", "image"), ("train", "faq", place / "faq.json"), ("models", "pull", "resnet152")):
        ran = shell(*words)
        refused(ran, "cannot be reached")
        assert len(ran.err.splitlines()) == 2


def test_a_full_disk_names_what_could_not_be_written(shell: Shell, accounts: MemoryStorage) -> None:
    ran = shell("simulate", "--labels", "/dev/full", "--duration", "9000")
    refused(ran, "There is no space left for /dev/full.")


def test_text_that_is_none_is_named(place: Path, shell: Shell, accounts: MemoryStorage) -> None:
    (place / "labels.txt").write_bytes(b"\xff\xfe")
    refused(
        shell("models", "add", place / "text.onnx", "--labels", place / "labels.txt"), "labels.txt is not UTF-8 text."
    )


def test_spans_are_looked_at_first(shell: Shell, accounts: MemoryStorage) -> None:
    refused(shell("backfill", "--from", "2026-02-01", "--to", "2026-01-01"), "--to 2026-01-01 00:00:00Z is not after")
    refused(shell("backfill", "--from", "1980-01-01", "--to", "2026-01-01"), "and 1,000 are the most")
    refused(shell("train", "anomaly", "--from", "2026-02-01", "--to", "2026-01-01"), "--to is not after --from")
    refused(shell("import", "--device", "a\nb", sys.executable), "cannot be the name of a device")


def test_times_may_name_their_zone(shell: Shell, accounts: MemoryStorage) -> None:
    ran = shell("backfill", "--from", "2026-02-01T12:00:00+02:00", "--to", "2026-02-01 10:00:00Z")
    refused(ran, "--to 2026-02-01 10:00:00Z is not after --from 2026-02-01 10:00:00Z")
