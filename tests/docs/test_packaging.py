"""What leaves the project's folder: the wheel, the package of the Function App, the build context of the images."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from pathspec import GitIgnoreSpec

from tests.docs.clone import ROOT, clone, tracked

PACKAGES = ("cli", "devhost", "functions", "peers", "scoring_images", "shared")
PRIVATE = (
    *(".venv/bin/python", ".tally/keys.json", ".tally/data/azurite/x", "local.settings.json", "out/report.html"),
    *("tests/conftest.py", ".git/config", "shared/__pycache__/app.cpython-313.pyc", ".env", "build/lib/shared/app.py"),
)
APP = {"function_app.py", "functions", "host.json", "requirements.txt", "shared"}
PACKAGED = """
from pathlib import Path
from scoring_images.anomaly import report
from scoring_images.style_transfer.split import STYLES
from shared.faq_matching.bundle import DEFAULT
from shared.image_classification.bundle import SHIPPED
for path in (DEFAULT / "faq.safetensors", SHIPPED / "model.onnx", STYLES / "wave" / "network.onnx",
             Path(report.__file__).with_name("report.css")):
    print(path, len(path.read_bytes()) > 1000)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = ("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(clone(folder / "project")))
    pip(*built)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is installed into."""
    site = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-index", "--target", str(site), str(wheel))
    return site


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def called(site: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A program of the installed wheel, called in another folder without any setting."""
    env = {"PYTHONPATH": str(site), "PATH": os.environ["PATH"], "COLUMNS": "200"}
    return subprocess.run([sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_wheel_has_every_file_of_its_packages(wheel: Path) -> None:
    wanted = {str(path) for path in tracked() if path.parts[0] in PACKAGES and path.name != "Dockerfile"}
    assert {name for name in ZipFile(wheel).namelist() if name.split("/")[0] in PACKAGES} == wanted


@pytest.mark.slow
def test_the_wheel_says_its_licence_and_what_it_needs(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        about = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert "License-Expression: MIT" in about
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {"Requires-Dist: typer", "Requires-Dist: polars", "Requires-Dist: av"} <= set(about.splitlines())


@pytest.mark.slow
def test_an_installed_tally_starts_anywhere(site: Path, tmp_path: Path) -> None:
    helped = called(site, tmp_path, str(site / "bin" / "tally"), "--help")
    assert (helped.returncode, "Usage: tally" in helped.stdout) == (0, True)
    read = called(site, tmp_path, "-c", PACKAGED).stdout.splitlines()
    assert len(read) == 4
    assert all(line.startswith(str(site)) and line.endswith("True") for line in read)


@pytest.mark.slow
def test_an_installed_tally_reads_the_settings_of_the_folder_it_is_called_in(site: Path, tmp_path: Path) -> None:
    tally = str(site / "bin" / "tally")
    without = called(site, tmp_path, tally, "runs", "list")
    assert (without.returncode, "ControlStorage" in without.stderr) == (1, True)
    (tmp_path / "local.settings.json").write_text('{"Values": {"WINDOW_SECONDS": "no number"}}')
    given = called(site, tmp_path, tally, "runs", "list")
    assert (given.returncode, "WINDOW_SECONDS" in given.stderr) == (1, True)


def travelling(ignore_file: str) -> Iterator[str]:
    """The files that an ignore file lets through, of the project and of what must never travel."""
    lines = [line for line in (ROOT / ignore_file).read_text().splitlines() if line and not line.startswith("#")]
    spec = GitIgnoreSpec.from_lines(lines)
    return (path for path in (*map(str, tracked()), *PRIVATE) if not spec.match_file(path))


def test_the_app_travels_to_azure_alone() -> None:
    assert {path.split("/")[0] for path in travelling(".funcignore")} == APP


def test_the_images_are_built_from_what_they_may_copy() -> None:
    assert {path.split("/")[0] for path in travelling(".dockerignore")} == APP | {"scoring_images"}


@pytest.mark.parametrize("ignore_file", [".funcignore", ".dockerignore"])
def test_nothing_private_travels(ignore_file: str) -> None:
    assert set(travelling(ignore_file)).isdisjoint(PRIVATE)


def test_what_the_dockerfiles_copy_is_in_their_build_context() -> None:
    files = list(travelling(".dockerignore"))
    for dockerfile in ROOT.glob("scoring_images/*/Dockerfile"):
        copied = [line.split()[1] for line in dockerfile.read_text().splitlines() if line.startswith("COPY ")]
        assert copied
        assert [source for source in copied if not any(file.startswith(source) for file in files)] == []
