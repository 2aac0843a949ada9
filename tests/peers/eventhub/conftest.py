"""A peer for every test, in a thread of its own on a free port."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, Server, background
from peers.eventhub.times import Times
from peers.eventhub.tokens import SharedKey

SHARED = Path(__file__).parents[4] / "shared"
RECORD = SHARED / "data" / "eventhub" / "service.json"
KEY = SharedKey("policy", "c2VjcmV0IGtleQ==")
IDENTITY = "the identity endpoint's"
TIMES = Times(idle=0, stolen=0)
HUBS = (HubSpec("Readings", 4, ("$Default", "second")), HubSpec("single", 1))


@pytest.fixture
def peer() -> Iterator[Server]:
    with background(Options(HUBS, KEY, times=TIMES, identity=IDENTITY)) as server:
        yield server


@pytest.fixture
def collected() -> Iterator[None]:
    """Collects the test's garbage while its warning filters still hold."""
    yield
    gc.collect()


def breaks_connections[T: Callable[..., None]](test: T) -> T:
    """For a test that breaks connections: the SDK does not close its end of a broken one."""
    leaking = pytest.mark.filterwarnings("ignore::ResourceWarning")(test)
    return pytest.mark.usefixtures("collected")(leaking)
