"""The documents say what the program does: every setting is explained, every command in them exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from shared.settings import Settings, load_local_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|`)tally ([a-z][a-z -]*)", re.MULTILINE)


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda field: field.metadata["env"])
def test_every_setting_is_documented_with_its_default(setting) -> None:  # type: ignore[no-untyped-def]
    row = f"| `{setting.metadata['env']}` |"
    lines = [line for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line.startswith(row)]
    assert len(lines) == 1
    assert isinstance(setting.default, str | int) is False or f"`{setting.default}`" in lines[0]
    assert setting.metadata["help"] in lines[0]


def test_the_sample_settings_are_settings() -> None:
    Settings.from_env(load_local_settings(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_document_exists(document: Path) -> None:
    for words in {tuple(match.split()) for match in COMMAND.findall(document.read_text())}:
        known = [word for word in words if not word.startswith("-")]
        answers = [CliRunner().invoke(app, [*known[:depth], "--help"]).exit_code for depth in (1, 2)]
        assert 0 in answers, f"tally {' '.join(words)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    links = re.findall(r"\]\((?!http|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
