"""The help teaches: every command has a sentence, an example that works, and defaults; every one can answer in JSON."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from cli.app import app
from tests.cli.conftest import Shell

ROOT = typer.main.get_command(app)
EXAMPLE = re.compile(r"Example: `tally ([^`]+)`")


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group below one, by the words that lead to it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from walk(below, (*path, name))


ALL = dict(walk(ROOT))
LEAVES = {path: command for path, command in ALL.items() if not getattr(command, "commands", None)}
paths = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_group_says_what_it_does(path: tuple[str, ...], shell: Shell) -> None:
    short, long = shell(*path, "-h"), shell(*path, "--help")
    assert (short.code, short.err) == (0, "")
    assert short == long
    sentence = (ALL[path].help or "").split("\n\n")[0]
    assert sentence.strip().endswith(".")
    assert sentence.split()[0] in short.out


@paths
def test_every_command_shows_an_example_of_itself_that_it_understands(path: tuple[str, ...]) -> None:
    (example,) = EXAMPLE.findall(LEAVES[path].help)
    words = shlex.split(example.partition(" | ")[0])
    assert tuple(words[: len(path)]) == path
    options = {option for parameter in LEAVES[path].params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options
    required = [each for each in LEAVES[path].params if each.required and each.param_type_name == "argument"]
    assert len(words) - len(path) >= len(required)


@paths
def test_every_parameter_is_explained(path: tuple[str, ...]) -> None:
    unsaid = [each.name for each in LEAVES[path].params if not (each.help or "").strip().endswith((".", ".csv"))]
    assert unsaid == []


@paths
def test_every_command_can_answer_in_json(path: tuple[str, ...]) -> None:
    assert "--json" in {option for parameter in LEAVES[path].params for option in parameter.opts}


def test_the_version_is_told(shell: Shell) -> None:
    assert re.fullmatch(r"tally \d+\.\d+\.\d+\n", shell("--version").out)


def test_help_loads_nothing_that_only_work_needs() -> None:
    heavy = {"numpy", "polars", "azure", "onnxruntime", "PIL", "requests", "http", "asyncio"}
    code = "import sys; import cli.app; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert heavy & set(loaded) == set()
