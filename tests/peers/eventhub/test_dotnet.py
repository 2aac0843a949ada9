"""Microsoft's .NET SDK, which the Functions host and Core Tools read with: a program that starts the peer itself."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.peers.eventhub.conftest import SHARED

TOOL = SHARED / "tools" / "eventhubs-dotnet"
ROOT = Path(__file__).parents[3]
PEER = f"{sys.executable} -m peers.eventhub --stolen-after 1 --data {{data}} --port {{port}} {{hubs}}"
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not here.")

NOT_CLAIMED = {
    "2.3": "it wants keys where producers that buffer put them; the real service was recorded to put them elsewhere",
    "12": "how fast it is: for a quiet machine",
}
# The SDK tries a refused token again for 11 s, as it does against Azure: these wait side by side.
PATIENT = (r"8\.(8|10|14) ", r"8\.(9|13) ", r"8\.(11|12) ")


def failed(area: str, chosen: str) -> list[str]:
    """The checks of an area that fail, of those whose names match."""
    env = os.environ | {"EVENTHUBS_BROKER": PEER}
    done = subprocess.run(
        [TOOL, area, chosen], cwd=ROOT, env=env, capture_output=True, text=True, timeout=115, check=False
    )
    lines = done.stdout.splitlines()
    assert any(line.startswith("PASS") for line in lines), done.stdout + done.stderr
    return [line for line in lines if line.startswith("FAIL")]


def test_the_dotnet_sdk_finds_hubs_partitions_and_what_they_hold() -> None:
    assert failed("send", r"^1\.") == []


@pytest.mark.slow
def test_the_dotnet_sdk_sends_reads_and_balances() -> None:
    areas = [("send", r"^[23]\.(?!3 )"), ("read", f"^(?!{'|'.join(PATIENT)})"), ("processor", "")]
    areas += [("read", f"^{refusals}") for refusals in PATIENT]
    with ThreadPoolExecutor() as pool:
        assert [line for lines in pool.map(failed, *zip(*areas, strict=True)) for line in lines] == []
