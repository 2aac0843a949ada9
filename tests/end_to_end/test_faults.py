"""Kill it anywhere, take storage away: the same windows, byte for byte the same predictions, and the run succeeds."""

import os
import signal
import time
from pathlib import Path

import pytest

from devhost.sandbox import wait_for
from shared.runs.record import State
from tests.end_to_end.world import World, expected_windows, held, kill, processes, start_azurite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
OUTAGE_SECONDS = 20


def test_windows_equal_those_of_a_plain_aggregation(world: World, run: object) -> None:
    expected = expected_windows(world.home / "readings.csv", 5)
    found = world.windows().select(expected.columns)
    assert found.drop("mean").equals(expected.drop("mean"))
    assert (found["mean"] - expected["mean"]).abs().max() < 1e-9


def test_a_timer_tick_delivered_again_and_again_starts_nothing_more(world: World, run: tuple[str, object]) -> None:
    for _ in range(3):
        world.tick("start_due_runs")
    assert [held.id for held in world.runs.newest(10)] == [run[0]]


def test_the_same_readings_sent_again_change_no_window(world: World, run: object) -> None:
    before = world.windows()
    world.tally("import", str(world.home / "readings.csv"))
    wait_for(lambda: world.settled(2 * world.sent), "The readings were not all taken in")
    assert world.windows().equals(before)


def test_a_scoring_process_killed_with_signal_9(world: World, run: tuple[str, dict[str, bytes]]) -> None:
    world.again(run[0])
    kill("scoring_images.anomaly", "score", run[0])
    assert world.ended(run[0]).state is State.SUCCEEDED
    assert world.results(run[0]) == run[1]


def test_the_executor_killed_with_signal_9(world: World, run: tuple[str, dict[str, bytes]]) -> None:
    world.again(run[0])
    # Before it has a task, there is also the process that launches it.
    wait_for(lambda: any(processes("scoring_images.anomaly", run[0])), "No task was started", 60)
    kill("shared.compute.executor", run[0])
    assert world.ended(run[0]).state is State.SUCCEEDED
    assert world.results(run[0]) == run[1]


def test_the_host_killed_with_signal_9_in_the_middle_of_a_run(world: World, run: tuple[str, dict[str, bytes]]) -> None:
    world.again(run[0])
    wait_for(lambda: world.runs.load(run[0])[0].state is State.RUNNING, "The run did not start")
    (host,) = processes("devhost", " host ", str(world.home))
    assert kill("devhost", " host ", str(world.home)) == host
    assert world.ended(run[0]).state is State.SUCCEEDED
    assert world.results(run[0]) == run[1]


def test_a_message_delivered_again_after_the_run_ended_does_nothing(world: World, run: tuple[str, object]) -> None:
    ended, _ = world.runs.load(run[0])
    for step in range(3):
        world.storage.queue("runs").send(f'{{"run":"{run[0]}","step":{step}}}')
    world.tick("sweep_runs")
    time.sleep(3)
    assert world.runs.load(run[0])[0] == ended


def test_a_cancelled_run_can_be_tried_again(world: World, run: tuple[str, dict[str, bytes]]) -> None:
    world.again(run[0])
    task = held("scoring_images.anomaly", "score", run[0])  # or the run may be over before the command is
    try:
        world.tally("runs", "cancel", run[0])
    finally:
        os.kill(task, signal.SIGCONT)
    if world.ended(run[0]).state is State.CANCELLED:
        world.tally("runs", "retry", run[0])
    assert world.ended(run[0]).state is State.SUCCEEDED
    assert world.results(run[0]) == run[1]


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
