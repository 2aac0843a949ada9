"""The images can be built: everything they copy exists, every requirement is pinned, what they run is in them."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from shared.workloads import IMAGES

ROOT = Path(__file__).parents[2]
NAMES = [image.name for image in IMAGES]
EVERY = {"msgspec", "azure-storage-blob", "azure-identity"}
"""What no image can do without."""
TOO_MUCH = {"scikit-learn", "pandas", "torch", "azure-functions"}
PIN = re.compile(r"[A-Za-z0-9_.-]+(\[[a-z,]+\])?==[^ ]+( ; .*)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def steps(image: str, name: str) -> list[list[str]]:
    """The arguments of every step of that kind in an image's Dockerfile."""
    lines = (ROOT / "scoring_images" / image / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [line.split()[1:] for line in lines if line.startswith(f"{name} ")]


def imported(image: str) -> Iterator[tuple[str, set[str]]]:
    """The packages that an image's modules import, and those that they import of `shared`; who distributes each."""
    own = {name for file in (ROOT / "scoring_images" / image).glob("*.py") for name in imports(file)}
    files = [ROOT / f"{name.replace('.', '/')}.py" for name in own if name.startswith("shared.")]
    modules = own | {name for file in files if file.exists() for name in imports(file)}
    tops = {name.partition(".")[0] for name in modules} - {"azure", "scoring_images", "shared"}
    for top in sorted(tops - sys.stdlib_module_names):
        yield top, set(packages_distributions()[top])


def imports(file: Path) -> Iterator[str]:
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def requirements(image: str) -> str:
    """The image's pinned requirements."""
    return (ROOT / "scoring_images" / image / "requirements.txt").read_text()


@pytest.mark.parametrize("image", NAMES)
def test_everything_that_is_copied_exists(image: str) -> None:
    for *sources, _ in steps(image, "COPY"):
        for source in sources:
            assert (ROOT / source).exists(), source


@pytest.mark.parametrize("image", NAMES)
def test_it_runs_its_package_and_not_as_root(image: str) -> None:
    assert steps(image, "ENTRYPOINT") == [['["python",', '"-m",', f'"scoring_images.{image}"]']]
    assert steps(image, "USER")[-1] not in (["root"], ["0"])


@pytest.mark.parametrize("image", NAMES)
def test_every_requirement_is_pinned_with_hashes(image: str) -> None:
    text = requirements(image).replace("\\\n", " ")
    entries = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert entries
    for entry in entries:
        requirement, *hashes = re.split(r"\s+(?=--hash)", entry)
        assert PIN.fullmatch(requirement), requirement
        assert hashes
        assert all(HASH.fullmatch(each.strip()) for each in hashes), requirement


@pytest.mark.parametrize("image", NAMES)
def test_requirements_name_no_package_index(image: str) -> None:
    assert "http" not in requirements(image)


@pytest.mark.parametrize("image", NAMES)
def test_the_requirements_hold_what_the_image_needs_and_no_more(image: str) -> None:
    names = set(re.findall(r"^([a-z0-9-]+)==", requirements(image), re.MULTILINE))
    assert names >= EVERY
    assert [module for module, dists in imported(image) if not dists & names] == []
    assert names & TOO_MUCH == set()
