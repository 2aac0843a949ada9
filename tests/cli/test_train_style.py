"""`tally train style`: runs the training in a Python that has PyTorch, and keeps what it wrote as a style."""

import sys
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from cli import train_style
from scoring_images.style_training.parameters import Parameters
from shared.errors import InvalidInput, TallyError, Transient
from shared.storage import MemoryStorage
from shared.style_transfer.styles import KIND, read_style
from tests.cli.conftest import relu

TRAINING = """#!{python}
import json, pathlib, sys
given = dict(part.partition("=")[::2] for part in sys.argv[3:])
assert sys.argv[1:3] == ["-m", "scoring_images.style_training"], sys.argv
out = pathlib.Path(given["--out"])
out.mkdir(parents=True)
print("66 photographs of 11 files, cpu")
print("step 10 of 20 content 1.0 style 2.0")
{rest}
(out / "network.onnx").write_bytes(b"network")
(out / "facts.json").write_text(json.dumps({{"parameters": given, "metrics": {{"style_loss": 0.5}}}}))
"""


@pytest.fixture
def storage(monkeypatch):
    memory = MemoryStorage()
    monkeypatch.setattr(train_style, "storage", lambda: memory)
    return memory


@pytest.fixture
def tally(tmp_path: Path, storage):
    """The command, with a Python that only seems to train; `rest` is what it does after ten steps."""

    def run(*arguments: str, rest: str = ""):
        python = tmp_path / "python"
        python.write_text(TRAINING.format(python=sys.executable, rest=rest))
        python.chmod(0o755)
        app = typer.Typer()
        app.callback()(lambda: None)
        train_style.register(app)
        painting, network = tmp_path / "sea.jpg", tmp_path / "net.onnx"
        Image.new("RGB", (8, 8)).save(painting)
        network.write_bytes(relu())
        given = ["--style", painting, "--content", tmp_path, "--features", network, "--python", python]
        command = ["style", *given, "--name", "sea", "--out", tmp_path / "out", *arguments]
        return CliRunner().invoke(app, list(map(str, command)), catch_exceptions=False)

    return run


def test_the_result_is_a_style_in_its_folder_and_in_storage(tally, storage, tmp_path):
    result = tally("--artist", "A. Painter", "--year", "1901", "--style-weight", "2.5")
    assert result.exit_code == 0, result.output
    style = read_style("sea", tmp_path / "none", storage.control("bundles"))
    manifest = style.manifest
    assert style.content == b"network"
    assert manifest.painting == {"title": "sea", "artist": "A. Painter", "year": 1901}
    assert manifest.parameters["--style-weight"] == "2.5"
    assert manifest.metrics == {"style_loss": 0.5}
    assert KIND.read_folder(tmp_path / "out") == style
    assert "66 photographs" in result.output


def test_nothing_is_published_unasked(tally, storage):
    assert tally("--no-publish").exit_code == 0
    assert list(storage.control("bundles").list()) == []


def test_a_style_is_kept_when_storage_does_not_answer(tally, monkeypatch, tmp_path):
    def away():
        raise Transient("No answer.")

    monkeypatch.setattr(train_style, "storage", away)
    result = tally()
    assert result.exit_code == 0
    assert "Not published" in result.output
    assert (tmp_path / "out" / "manifest.json").exists()


def test_what_the_training_refuses_is_said(tally):
    with pytest.raises(InvalidInput, match="sea is not an image"):
        tally(rest="print('sea is not an image'); sys.exit(2)")


def test_a_training_that_fails_is_an_error_with_its_last_words(tally):
    with pytest.raises(TallyError, match="out of memory"):
        tally(rest="print('out of memory'); sys.exit(1)")


def test_an_interrupted_training_says_how_to_go_on(tally):
    result = tally(rest="print('Stopped at step 10. The same command goes on from there.'); sys.exit(130)")
    assert result.exit_code == 130
    assert "The same command goes on" in result.output


def test_without_pytorch_an_environment_is_made_and_what_is_installed_is_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(train_style, "ENVIRONMENT", tmp_path / "training")
    monkeypatch.setattr(train_style.importlib.util, "find_spec", lambda name: None)
    commands = []

    def install(command, check):
        commands.append(command)
        (tmp_path / "training").mkdir(exist_ok=True)
        return train_style.subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(train_style.subprocess, "run", install)
    assert train_style._python() == train_style._python() == tmp_path / "training" / "bin" / "python"
    assert [command[2:4] for command in commands] == [["uv", "venv"], ["uv", "pip"]]
    assert "--require-hashes" in commands[1]
    assert "PyTorch is not here" in capsys.readouterr().err


def test_where_pytorch_cannot_be_installed_another_python_is_suggested(monkeypatch, tmp_path):
    monkeypatch.setattr(train_style, "ENVIRONMENT", tmp_path / "training")
    monkeypatch.setattr(train_style.importlib.util, "find_spec", lambda name: None)
    failed = train_style.subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(train_style.subprocess, "run", lambda command, check: failed)
    with pytest.raises(Transient, match="--python"):
        train_style._python()


@pytest.mark.parametrize("parameter", fields(Parameters), ids=lambda field: field.name)
def test_the_command_and_the_training_have_the_same_defaults(parameter):
    assert signature(train_style.train_style).parameters[parameter.name].default == parameter.default
