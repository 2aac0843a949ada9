"""An app with readings and models, for each module of tests one of its own."""

from collections.abc import Iterator

import pytest

from devhost.sandbox import running, sandbox_settings, wait_for
from shared.runs.record import State
from tests.end_to_end.world import World, start_azurite, write_readings


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An app with readings and models; Azurite is the test's own, so that it can be stopped."""
    home = tmp_path_factory.mktemp("world")
    env = sandbox_settings(home) | {
        "LOCAL_SERVICES": "eventhubs",
        "DEVHOST_AUTH": "off",
        "DEVHOST_QUEUE_LEASE_SECONDS": "5",
        "PREDICTIONS_CSV": "true",
    }
    world = World(env, home, start_azurite(env, home))
    try:
        with running(env, home):
            readings = home / "readings.csv"
            world.sent = write_readings(readings)
            world.tally("import", str(readings))
            wait_for(lambda: world.settled(world.sent), "The readings were not all taken in")
            world.tally("train", "anomaly")
            yield world
    finally:
        world.azurite.terminate()
        world.azurite.wait()


@pytest.fixture(scope="module")
def run(world: World) -> tuple[str, dict[str, bytes]]:
    """The run that the timer function started by itself, and its predictions: what every other must equal."""
    wait_for(lambda: any(world.runs.newest(1)), "The timer started no run")
    run_id = next(world.runs.newest(1)).id
    assert world.ended(run_id).state is State.SUCCEEDED
    return run_id, world.results(run_id)
