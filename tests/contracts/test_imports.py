"""Imports run one way: functions -> shared, scoring_images -> shared; importing the app stays light."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "function_app.py": {"functions", "azure"},
    "functions": {"functions", "shared", "azure"},
    "shared": {"shared", "azure"},
    "cli": {"cli", "scoring_images", "shared"},
    "scoring_images": {"scoring_images", "shared"},
    "peers": {"peers", "shared", "azure"},
    "devhost": {"devhost", "peers", "shared", "azure"},
}
OURS = {"cli", "functions", "shared", "scoring_images", "devhost", "peers", "bench", "tests"}
HEAVY = {"sklearn", "torch", "pandas", "azureml", "numba", "scipy", "polars", "pyarrow", "rich", "typer", "onnxruntime"}


def _sources() -> Iterator[tuple[str, Path]]:
    for top in MAY_IMPORT:
        path = ROOT / top
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield top, source


def _imports(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(("top", "source"), list(_sources()), ids=lambda value: str(value).removeprefix(str(ROOT)))
def test_imports_run_one_way(top: str, source: Path) -> None:
    ours = {name for name in _imports(source) if name.partition(".")[0] in OURS}
    assert {name for name in ours if name.partition(".")[0] not in MAY_IMPORT[top]} == set()


def test_only_triggers_know_azure_functions() -> None:
    knows = {top for top, source in _sources() if "azure.functions" in set(_imports(source))}
    assert knows <= {"function_app.py", "functions"}


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = "import json, sys, function_app; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert HEAVY & set(json.loads(done.stdout)) == set()
