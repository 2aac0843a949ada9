"""Storage may go away for a while: what was under way then is finished, and nothing is lost."""

import time
from pathlib import Path

import pytest

from devhost.sandbox import wait_for
from shared.runs.record import State
from tests.end_to_end.world import World, expected_windows, start_azurite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
OUTAGE_SECONDS = 20


def test_azurite_stopped_for_20_seconds_in_the_middle_of_a_run_and_of_a_stream(
    world: World, run: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    before, events = world.windows(), world.events()
    world.again(run[0])
    wait_for(lambda: world.runs.load(run[0])[0].state is State.RUNNING, "The run did not start")
    world.azurite.terminate()
    world.azurite.wait()
    later = tmp_path / "later.csv"
    later.write_text((world.home / "readings.csv").read_text().replace("2026-01-31T10", "2026-01-31T12"))
    world.tally("import", str(later))
    time.sleep(OUTAGE_SECONDS)
    world.azurite = start_azurite(world.env, world.home)
    assert world.ended(run[0], 200).state is State.SUCCEEDED
    assert world.results(run[0]) == run[1]
    wait_for(lambda: world.settled(events + world.sent), "The readings were not all taken in")
    expected = expected_windows(later, 5)
    found = world.windows().filter(world.windows()["window_end"] > before["window_end"].max())
    assert found.drop("mean", "max", "std").equals(expected.drop("mean"))
