"""The package runs where PyTorch does: on older Pythons, without the rest of the project, in an image of its own."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "scoring_images" / "style_training"
SOURCES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_it_is_written_for_python_3_11_and_imports_nothing_else_of_the_project(source):
    tree = ast.parse(source.read_text(), feature_version=(3, 11))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in imported if name.startswith("shared")} == set()
    assert all(
        name.startswith("scoring_images.style_training") for name in imported if name.startswith("scoring_images")
    )


def test_every_requirement_is_pinned_with_hashes():
    text = (FOLDER / "requirements.txt").read_text().replace("\\\n", " ")
    entries = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert {re.split(r"[=<>;\s]", entry)[0] for entry in entries} >= {
        "torch",
        "onnx",
        "numpy",
        "opencv-python-headless",
    }
    assert [entry for entry in entries if not re.match(r"\S+==\S+.*--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_everything_that_the_image_copies_exists():
    copies = re.findall(r"^COPY (.+) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    assert copies
    assert all((ROOT / source).exists() for source in copies)
