"""Readers find every page, and every message that troubleshooting quotes is one that the program prints."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

DOCS = ROOT / "docs"
INDEX = (DOCS / "README.md").read_text()
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
QUOTED = ROW.findall((DOCS / "troubleshooting.md").read_text())


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_the_index_leads_to_every_page(page: Path) -> None:
    assert page.name == "README.md" or f"({page.name}" in INDEX


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_to_a_heading_lead_to_one(page: Path) -> None:
    for file, heading in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", page.read_text()):
        text = (page.parent / file if file else page).read_text()
        assert heading in {_anchor(title) for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}, (file, heading)


def _anchor(title: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


@pytest.fixture(scope="module")
def printed() -> str:
    return "\n".join(_texts())


@pytest.mark.parametrize("message", QUOTED)
def test_a_quoted_message_is_in_the_program(message: str, printed: str) -> None:
    assert message in printed or any(_like(message).search(line) for line in printed.splitlines())


def _like(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, message.split("…"))))


def _texts() -> Iterator[str]:
    """All texts of the program, `…` in them for what is put in."""
    yield (ROOT / "Makefile").read_text()
    for top in ("cli", "devhost", "functions", "peers", "scoring_images", "shared"):
        for path in (ROOT / top).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value
