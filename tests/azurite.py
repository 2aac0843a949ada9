"""A pytest plugin: one Azurite for the whole session, in memory, on free ports, with the two accounts."""

import base64
import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest

from devhost.azurite import command, environment, install
from shared.errors import Transient
from shared.settings.storage_account import Account

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".tally" / "azurite"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Install Azurite while several processes collect tests: the longest begin with it."""
    if session.config.getoption("numprocesses", None):  # None in those processes themselves
        Thread(target=_install_early, daemon=True).start()


def _install_early() -> None:
    with suppress(Transient):  # the tests that need it say why it cannot be installed
        install(FOLDER)


@dataclass(frozen=True, slots=True)
class Azurite:
    """Connection strings of the two accounts, and the settings that name them."""

    data: str
    control: str

    @property
    def settings(self) -> dict[str, str]:
        return {"DataStorage": self.data, "ControlStorage": self.control, "AzureWebJobsStorage": self.control}


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Azurite with the accounts of a session; containers and queues are shared: use names of your own."""
    script = install(FOLDER)
    names = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in ("data", "control")}
    keys = [Account(name, key, "", "") for name, key in names.items()]
    with subprocess.Popen(
        command(script, 0, 0, location=None),
        cwd=tmp_path_factory.mktemp("azurite"),
        env={**os.environ, **environment(keys)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            blob, queue = _addresses(process)
            accounts = (Account(a.name, a.key, f"{blob}/{a.name}", f"{queue}/{a.name}") for a in keys)
            yield Azurite(*(account.connection_string for account in accounts))
        finally:
            process.kill()


def _addresses(process: subprocess.Popen[str]) -> tuple[str, str]:
    found: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(r"(\w+) service is successfully listening at (\S+)", line):
            found[match[1]] = match[2]
        if "Table" in found:
            return found["Blob"], found["Queue"]
    raise RuntimeError("Azurite ended before it listened.")
