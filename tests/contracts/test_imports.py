"""Imports run one way, as docs/architecture.md has it; importing the app stays light."""

import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"sklearn", "torch", "pandas", "azureml", "numba", "scipy", "polars", "pyarrow", "rich", "typer", "onnxruntime"}
TOPS = ("function_app.py", "functions", "shared", "scoring_images", "cli", "peers", "devhost", "bench", "tests")


def _rooms(cell: str) -> list[str]:
    return [room.removesuffix(".py") for room in re.findall(r"`([\w/.]+?)/?`", cell)]


def _table() -> dict[str, set[str]]:
    """Each room of the table "Where things live" with those it may import, top first; `shared`: all of it above."""
    text = (ROOT / "docs" / "architecture.md").read_text().partition("## Where things live")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    table: dict[str, set[str]] = {}
    for row in rows:
        allowed, shared = set(_rooms(row[-1])), {room for room in table if room.startswith("shared/")}
        allowed = (allowed - {"shared"}) | (shared if "shared" in allowed else set())
        table |= dict.fromkeys(_rooms(row[0]), allowed)
    return table


MAY_IMPORT = _table()


def _module(path: Path) -> str:
    return "/".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("/__init__")


def _room(module: str) -> str:
    """The room that a module is in: of those that the table names, the innermost."""
    inside = [room for room in MAY_IMPORT if f"{module}/".startswith(f"{room}/")]
    return max(inside, key=len, default=module.partition("/")[0])


def _sources() -> Iterator[Path]:
    for top in TOPS[:-1]:
        yield from [ROOT / top] if top.endswith(".py") else sorted((ROOT / top).rglob("*.py"))


def _imports(source: Path) -> Iterator[str]:
    """What a file imports, inside functions too; `from a import b` is `a.b`, whether that is a module or not."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _between_rooms() -> Mapping[str, set[str]]:
    """The rooms that each room imports."""
    found = defaultdict[str, set[str]](set)
    for source in _sources():
        room = _room(_module(source))
        ours = {name for name in _imports(source) if name.partition(".")[0] in TOPS or name == "function_app"}
        found[room] |= {_room(name.replace(".", "/")) for name in ours} - {room}
    return found


def test_every_file_has_a_room_and_every_room_its_files() -> None:
    rooms = {_room(_module(source)) for source in _sources() if _module(source) != "shared"}
    assert rooms == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_as_the_architecture_has_it(room: str) -> None:
    assert _between_rooms()[room] - MAY_IMPORT[room] == set()


def test_the_architecture_lets_no_room_import_one_below_it() -> None:
    rooms = list(MAY_IMPORT)
    for number, room in enumerate(rooms):
        assert MAY_IMPORT[room] <= set(rooms[:number]), room


def test_the_peers_of_azures_services_are_for_the_local_host_and_what_checks() -> None:
    assert {room for room, allowed in MAY_IMPORT.items() if "peers" in allowed} == {"devhost", "bench"}


def test_only_triggers_know_azure_functions() -> None:
    knows = {_module(source).partition("/")[0] for source in _sources() if _knows_functions(source)}
    assert knows <= {"function_app", "functions"}


def _knows_functions(source: Path) -> bool:
    return any(f"{name}.".startswith("azure.functions.") for name in _imports(source))


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = "import json, sys, function_app; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert HEAVY & set(json.loads(done.stdout)) == set()
