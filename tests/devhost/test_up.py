"""`python -m devhost up` as a person runs it: real processes, killed in earnest."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from azure.storage.queue import QueueClient

from shared.settings.storage_account import Account
from tests.azurite import Azurite

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
APP = ROOT / "tests" / "devhost" / "app"


@dataclass(frozen=True, slots=True)
class Up:
    process: subprocess.Popen[str]
    settings: dict[str, str]
    folder: Path
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['HOST_PORT']}"

    def witnessed(self, text: str) -> bool:
        file = self.folder / "witness"
        return file.exists() and text in file.read_text()

    def said(self, text: str) -> bool:
        return text in self.output.read_text()

    def queue(self) -> QueueClient:
        return QueueClient.from_connection_string(self.settings["ControlStorage"], "up-in")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def settings_for(folder: Path) -> dict[str, str]:
    blob, queue, hub, host = free_ports(4)
    key = b64encode(secrets.token_bytes(32)).decode()
    control, data = (
        Account(name, key, f"http://127.0.0.1:{blob}/{name}", f"http://127.0.0.1:{queue}/{name}")
        for name in ("control", "data")
    )
    return {
        "ControlStorage": control.connection_string,
        "AzureWebJobsStorage": control.connection_string,
        "DataStorage": data.connection_string,
        "EventHubs": f"Endpoint=sb://127.0.0.1:{hub};SharedAccessKeyName=root;SharedAccessKey={key};"
        "UseDevelopmentEmulator=true",
        "HOST_PORT": str(host),
        "EVENT_HUB_NAME": "readings",
        "EVENT_HUB_CONSUMER_GROUP": "$Default",
        "PARTITION_COUNT": "1",
        "IN_QUEUE": "up-in",
        "OUT_QUEUE": "up-out",
        "TICK_SCHEDULE": "0 0 0 1 1 *",
        "DEVHOST_AUTH": "off",
        "DEVHOST_QUEUE_LEASE_SECONDS": "2",
        "AzureWebJobs.one_event.Disabled": "true",
        "WITNESS": str(folder / "witness"),
    }


def start(settings: dict[str, str], folder: Path, command: str = "up") -> Up:
    file, output = folder / "settings.json", folder / "output"
    file.write_text(json.dumps({"Values": settings}))
    arguments = ["--root", str(APP), "--data", str(folder / "data"), "--settings", str(file)]
    # Its own environment: settings that other tests left behind would win over the file.
    clean = {name: value for name, value in os.environ.items() if name not in settings}
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "devhost", command, *arguments],
            cwd=ROOT,
            env=clean,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Up(process, settings, folder, output)


@contextmanager
def up(folder: Path) -> Iterator[Up]:
    running = start(settings_for(folder), folder)
    try:
        until(lambda: running.said("Everything runs") or running.process.poll() is not None)
        assert running.process.poll() is None, running.output.read_text()
        yield running
    finally:
        running.process.terminate()
        try:
            running.process.wait(30)
        finally:
            running.process.kill()
            running.process.wait()


def until(holds: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def children(pid: int) -> dict[str, int]:
    """Name to process id of a supervisor's services."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_text().split("\0")
        except (OSError, IndexError):
            continue
        if parent == pid:
            name = next((n for n in ("azurite.js", "peers.eventhub", "host") if _names(n, command)), "other")
            found[name] = int(entry.name)
    return found


def _names(name: str, command: list[str]) -> bool:
    return any(part == name or part.endswith(f"/{name}") for part in command)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@pytest.fixture(autouse=True)
def _azurite_is_installed(azurite: Azurite) -> None:
    """The session's Azurite has installed what `up` starts."""


def test_whatever_is_killed_comes_back_with_its_work_and_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    missed = tmp_path / "data" / "host" / "timers" / "tick.json"
    missed.parent.mkdir(parents=True)
    missed.write_text('{"last": null, "updated": "2020-05-05T00:00:00+00:00"}')
    with up(tmp_path) as running:
        until(lambda: running.witnessed("tick True"))
        assert running.said("No function asks for a key (DEVHOST_AUTH is off)")
        before = children(running.process.pid)
        assert set(before) == {"azurite.js", "peers.eventhub", "host"}
        with running.queue() as queue:
            queue.send_message("hang")
        until(lambda: running.witnessed("('hang', 1,"))
        for name in ("host", "peers.eventhub"):
            os.kill(before[name], signal.SIGKILL)
        until(lambda: running.said("host ended (SIGKILL)") and running.said("eventhubs ended (SIGKILL)"))
        until(lambda: running.witnessed("('hang', 2,"))
        assert (tmp_path / "witness").read_text().count("tick True") == 1

        os.kill(before["azurite.js"], signal.SIGKILL)
        until(lambda: running.said("azurite ended (SIGKILL)"))
        until(lambda: set(children(running.process.pid)) == set(before))
        upgrade = {"Connection": "Upgrade", "Upgrade": "h2c"}
        with urlopen(Request(f"{running.url}/api/items/all", headers=upgrade)) as response:
            assert response.status == 200
        assert not running.said("upgrade request")
        after = children(running.process.pid)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(40) == 0
        assert not any(alive(pid) for pid in (*before.values(), *after.values()))


def test_a_supervisor_killed_outright_takes_its_services_with_it(tmp_path: Path) -> None:
    with up(tmp_path) as running:
        services = children(running.process.pid)
        running.process.kill()
        until(lambda: not any(alive(pid) for pid in services.values()))


def test_a_taken_port_is_named_with_its_service_and_setting(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    with socket.create_server(("127.0.0.1", int(settings["HOST_PORT"]))):
        running = start(settings, tmp_path)
        assert running.process.wait(30) == 1
    said = running.output.read_text()
    assert f"Port {settings['HOST_PORT']} (host, HTTP) is taken" in said
    assert "HOST_PORT" in said


def test_a_host_whose_app_cannot_run_ends_with_the_reason(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    del settings["IN_QUEUE"]
    running = start(settings, tmp_path, "host")
    assert running.process.wait(60) == 2
    assert running.said("no setting IN_QUEUE")


def test_nothing_starts_with_settings_that_are_wrong_and_all_of_them_are_said(tmp_path: Path) -> None:
    for command, code in (("up", 1), ("host", 2)):
        running = start(settings_for(tmp_path) | {"PARTITION_COUNT": "0", "SWEEP_SCHEDULE": "often"}, tmp_path, command)
        assert running.process.wait(30) == code
        assert running.said("PARTITION_COUNT is '0'")
        assert running.said("SWEEP_SCHEDULE is 'often'")
        assert not running.said("Traceback")
        assert not (tmp_path / "data").exists()
