"""A world of one's own on this machine: free ports, new keys, quick timers, and services that end with it."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from peers.azure.places import batch_settings, ml_settings
from shared.errors import Transient
from shared.settings import read_settings_file
from shared.settings.storage_account import Account

ROOT = Path(__file__).resolve().parents[1]
QUICK = {
    "IDLE_SECONDS": "5",
    "FLUSH_SCHEDULE": "*/2 * * * * *",
    "SCORING_SCHEDULE": "*/5 * * * * *",
    "SWEEP_SCHEDULE": "*/10 * * * * *",
    "UPLOAD_SWEEP_SCHEDULE": "*/10 * * * * *",
    "POLL_SECONDS": "1",
}


def sandbox_settings(home: Path) -> dict[str, str]:
    """The sample's settings with free ports, keys of their own, timers that make nobody wait, and files in `home`."""
    blob, queue, hub, http, contract = _free_ports(5)
    control, data = (
        Account(name, _key(64), f"http://127.0.0.1:{blob}/{name}", f"http://127.0.0.1:{queue}/{name}")
        for name in ("tallycontrol", "tallydata")
    )
    sample = read_settings_file(ROOT / "local.settings.sample.json")
    places = {
        "AzureWebJobsStorage": control.connection_string,
        "ControlStorage": control.connection_string,
        "DataStorage": data.connection_string,
        "EventHubs": f"Endpoint=sb://127.0.0.1:{hub};SharedAccessKeyName=sandbox;SharedAccessKey={_key(32)};"
        "UseDevelopmentEmulator=true;",
        "HOST_PORT": str(http),
        "LOCAL_COMPUTE_DIR": str(home / "compute"),
    }
    if os.environ.get("COMPUTE") == "azure_batch":
        places |= batch_settings(contract, home / "data")
    if os.environ.get("COMPUTE") == "azure_ml":
        places |= ml_settings(contract, home / "data")
    return {**sample, **QUICK, **places}


@contextmanager
def running(settings: Mapping[str, str], home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m devhost up` until the block ends, whatever happens; what it says goes to `home`/up.log.

    Raises Transient where the app does not start.
    """
    command = [sys.executable, "-m", "devhost", "up", "--data", str(home / "data")]
    with (home / "up.log").open("ab") as log:
        env = os.environ | settings
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: _answers(settings["HOST_PORT"], process, home), "The app did not start")
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_for(ready: Callable[[], bool], otherwise: str, seconds: float = 120) -> None:
    """Return once something is so; raises Transient saying `otherwise` where it takes too long."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise Transient(f"{otherwise} within {seconds:.0f} s.")
        time.sleep(0.2)


def _answers(port: str, process: "subprocess.Popen[bytes]", home: Path) -> bool:
    if process.poll() is not None:
        raise Transient("The services ended.", (home / "up.log").read_text(errors="replace")[-500:])
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


def _key(size: int) -> str:
    return b64encode(secrets.token_bytes(size)).decode()
