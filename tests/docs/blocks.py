"""Code blocks of the documents, and what their first line says of how they are tried.

The first line is the language, then words. A block is tried by its language unless a word `needs=azure` (or another of
NEEDS) says what no test has; docs/testing.md lists the words.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.docs.sameness import MORE

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<first>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: where it stands, its language, its words (`name=value`, or a name alone), its text."""

    document: Path
    line: int
    language: str
    words: dict[str, str]
    text: str
    span: tuple[int, int]  # of the text as it stands, in characters of the document

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """What is typed at a prompt, and what the document shows after it."""

    keys: str
    shown: list[str]


def blocks_of(document: Path) -> list[Block]:
    """All code blocks of a document, in order."""
    text = document.read_text()
    return [_block(document, text, match) for match in _BLOCK.finditer(text)]


def steps_of(block: Block) -> list[Step]:
    """The prompts of a `console` block: lines that begin with `$ `, gone on with after a backslash; `^C` is Ctrl-C.

    A block of another language shows nothing of what its commands print.
    """
    if "one" in block.words:  # what it prints looks like prompts, too
        keys, *shown = block.text.splitlines()
        return [Step(keys.removeprefix("$ "), shown)]
    if block.language != "console":
        return [Step(command, [MORE]) for command in commands_of(block)]
    steps: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ ") or line == "^C":
            steps.append(Step(line.removeprefix("$ "), []))
        elif steps and not steps[-1].shown and steps[-1].keys.endswith("\\"):
            steps[-1] = Step(f"{steps[-1].keys}\n{line}", [])
        else:
            steps[-1].shown.append(line)
    return steps


def commands_of(block: Block) -> list[str]:
    """The command lines of a `bash` or `console` block."""
    if block.language == "console":
        return [step.keys.replace("\\\n", " ") for step in steps_of(block) if step.keys != "^C"]
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _block(document: Path, text: str, match: re.Match[str]) -> Block:
    language, *words = shlex.split(match["first"]) or [""]
    pairs = (word.partition("=") for word in words)
    line = text.count("\n", 0, match.start()) + 1
    return Block(
        document, line, language, {name: value for name, _, value in pairs}, dedent(match["text"]), match.span("text")
    )
