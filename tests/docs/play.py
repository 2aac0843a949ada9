"""`python -m tests.docs.play docs/tutorial-*.md`: types the tutorials in, key by key, in a fresh clone of the project.

What the screen shows must be what the document says; `--update` writes what it shows into the document instead.
`--fresh` plays as a stranger would: nothing installed, the sample's ports and timers (minutes). Without it the clone
has this environment, free ports and quick timers, and `sleep` takes as long as the readings need.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from devhost.sandbox import sandbox_settings
from tests.docs.blocks import Block, Step, blocks_of, steps_of
from tests.docs.clone import ROOT, clone
from tests.docs.sameness import MORE, canonical, shortened
from tests.docs.terminal import CTRL_C, Terminal

PORT, BLOBS, HOME = "7071", "10000", "/home/you/tally"
QUICK = {"SCORING_SCHEDULE": "0 0 0 1 1 *", "RELOAD_SECONDS": "1", "IDLE_SECONDS": "2"}
COMPILED = {"NUMBA_CACHE_DIR": str(ROOT / ".tally" / "compiled")}  # compiling takes longer than all the rest
SLEEP = "#!/bin/sh\nexec .venv/bin/python -m tests.docs.settled\n"


@dataclass(slots=True)
class Clone:
    """A clone that tutorials are played in: its folder, the environment of its terminals, the app's port."""

    folder: Path
    env: Mapping[str, str]
    port: str
    terminals: dict[str, Terminal] = field(default_factory=dict)

    def play(self, document: Path) -> Iterator[tuple[Block, list[tuple[Step, list[str]]]]]:
        """Type in each block, and write each file; what the screen showed after every prompt."""
        for block in blocks_of(document):
            if "file" in block.words:
                (self.folder / block.words["file"]).write_text(block.text)
            elif block.language == "console" or "long" in block.words:
                yield block, [(step, self._typed(block, step)) for step in steps_of(block)]

    def _typed(self, block: Block, step: Step) -> list[str]:
        name = block.words.get("terminal", "main")
        if name not in self.terminals:
            self.terminals[name] = Terminal(self.folder, self.env)
        terminal = self.terminals[name]
        keys = CTRL_C if step.keys == "^C" else step.keys.replace(PORT, self.port)
        if keys == CTRL_C:
            terminal.run(keys)
            return []
        until = block.words.get("until", "")
        lines, code = terminal.run(keys, until)
        if until:  # what comes before it is left out
            lines = [MORE, *lines[next(at for at, line in enumerate(lines) if until in line) :]]
        assert str(code) == block.words.get("exit", "0"), "\n".join([f"{block}: exit code {code}", step.keys, *lines])
        return [self._as_documented(line) for line in lines]

    def _as_documented(self, line: str) -> str:
        """With the sample's ports, and a folder that a reader may have."""
        for place in (str(self.folder), quote(str(self.folder))):
            line = line.replace(place, HOME)
        line = re.sub(r"(127\.0\.0\.1|localhost):\d+", rf"\1:{PORT}", line)
        return line.replace(f":{PORT}/tallydata/", f":{BLOBS}/tallydata/")


@contextmanager
def cloned(folder: Path, *, fresh: bool = False) -> Iterator[Clone]:
    """A clone in the folder; its terminals are closed at the end, and what runs in them ends."""
    place = clone(folder / "tally clone")  # blanks in a path are common
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    port = PORT
    if not fresh:
        settings = sandbox_settings(place / ".tally") | QUICK
        (place / "local.settings.json").write_text(json.dumps({"Values": settings}))
        (place / ".venv").symlink_to(ROOT / ".venv")
        (place / ".tally").mkdir()
        (place / ".tally" / "azurite").symlink_to(ROOT / ".tally" / "azurite")
        (folder / "bin").mkdir()
        (folder / "bin" / "sleep").write_text(SLEEP)
        (folder / "bin" / "sleep").chmod(0o755)
        env |= {"PATH": f"{folder / 'bin'}:{env['PATH']}", "PYTHONPATH": str(place), **COMPILED}
        port = settings["HOST_PORT"]
    made = Clone(place, env, port)
    try:
        yield made
    finally:
        for terminal in made.terminals.values():
            terminal.close()


def differences(block: Block, played: list[tuple[Step, list[str]]]) -> list[str]:
    """How what was shown differs from what the document says; empty where it does not."""
    said, shown = [], []
    for step, lines in played:
        told = canonical(step.shown)
        said += [step.keys, *told]
        shown += [step.keys, *shortened(told, canonical(lines))]
    return list(unified_diff(said, shown, str(block), "the screen", lineterm=""))


def updated(document: Path, played: list[tuple[Block, list[tuple[Step, list[str]]]]]) -> str:
    """The document with what was shown in its blocks; those that say the same stay as they are."""
    text = document.read_text()
    for block, steps in reversed(played):
        if differences(block, steps):
            text = text[: block.span[0]] + _written(steps) + text[block.span[1] :]
    return text


def _written(steps: list[tuple[Step, list[str]]]) -> str:
    lines = []
    for step, shown in steps:
        lines += [step.keys if step.keys == "^C" else f"$ {step.keys}", *shown]
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    """Play the documents named; exit code 1 where one says something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", nargs="+", type=Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--fresh", action="store_true")
    arguments = parser.parse_args()
    differing = False
    for document in arguments.documents:
        with TemporaryDirectory() as folder, cloned(Path(folder), fresh=arguments.fresh) as place:
            played = list(place.play(document.resolve()))
        found = [line for block, steps in played for line in differences(block, steps)]
        print("\n".join([f"{document}: {'differs' if found else 'as it says'}", *found]))
        differing |= bool(found)
        if arguments.update:
            document.write_text(updated(document.resolve(), played))
    return int(differing and not arguments.update)


if __name__ == "__main__":
    sys.exit(main())
