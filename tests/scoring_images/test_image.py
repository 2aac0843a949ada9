"""The image can be built: everything it copies exists, every requirement is pinned, what it runs is in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scoring_images" / "anomaly"
LINES = (FOLDER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
PIN = re.compile(r"[A-Za-z0-9_.-]+(\[[a-z,]+\])?==[^ ]+( ; .*)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def steps(name: str) -> list[list[str]]:
    """The arguments of every step of that kind."""
    return [line.split()[1:] for line in LINES if line.startswith(f"{name} ")]


@pytest.mark.parametrize("source", [source for *sources, _ in steps("COPY") for source in sources])
def test_everything_that_is_copied_exists(source: str) -> None:
    assert (ROOT / source).exists()


def test_it_runs_this_package_and_not_as_root() -> None:
    assert steps("ENTRYPOINT") == [['["python",', '"-m",', '"scoring_images.anomaly"]']]
    assert steps("USER")[-1] not in (["root"], ["0"])


def test_every_requirement_is_pinned_with_hashes() -> None:
    text = (FOLDER / "requirements.txt").read_text().replace("\\\n", " ")
    entries = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert entries
    for entry in entries:
        requirement, *hashes = re.split(r"\s+(?=--hash)", entry)
        assert PIN.fullmatch(requirement), requirement
        assert hashes
        assert all(HASH.fullmatch(each.strip()) for each in hashes), requirement


def test_requirements_name_no_package_index() -> None:
    assert "http" not in (FOLDER / "requirements.txt").read_text()


def test_the_requirements_hold_what_the_image_needs_and_no_more() -> None:
    names = set(re.findall(r"^([a-z0-9-]+)==", (FOLDER / "requirements.txt").read_text(), re.MULTILINE))
    assert {"numba", "numpy", "polars", "safetensors", "msgspec", "azure-storage-blob", "azure-identity"} <= names
    assert names & {"scikit-learn", "pandas", "torch", "azure-functions"} == set()
