"""The tasks of a run as compute starts them: processes of their own, on real storage, killed and repeated."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from scoring_images.anomaly.job import Containers, Job
from shared.anomaly_detection.span import SpanRun
from shared.runs.workload import as_argument
from shared.settings import Settings
from shared.storage import Storage
from tests.azurite import Azurite
from tests.scoring_images.plant import END, START, Plant, model

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Tasks:
    """Starts tasks of one run over the plant's span."""

    plant: Plant
    env: Mapping[str, str]

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A task's process."""
        common = ("--run", "run-1", as_argument(SpanRun(self.plant.version, START, END)), "--parts", "1")
        return subprocess.Popen(
            [sys.executable, "-m", "scoring_images.anomaly", *command, *common],
            cwd=ROOT,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *command: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a task that is left to end."""
        with self.start(*command) as process:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, out, err


SCORE = ("score", "--part", "0", "--first", "0", "--last", "2", "--csv")


@pytest.fixture
def tasks(azurite: Azurite) -> Tasks:
    """Two series, one with a spike, and their models, on Azurite."""
    plant = Plant(Containers.of(Storage.from_settings(Settings.from_env(azurite.settings))))
    plant.train([model("pump", "flow"), model("pump", "heat")])
    plant.send("pump", "flow", [0.1, -0.1] * 40 + [9.0] + [0.1, -0.1] * 19)
    plant.send("pump", "heat", [0.2, -0.2] * 60)
    return Tasks(plant, {**os.environ, **azurite.settings})


def outputs(plant: Plant, job: Job) -> list[bytes]:
    """The rows that a run wrote."""
    found = [plant.containers.predictions.get(job.part_name(0, kind)) for kind in ("parquet", "csv")]
    return [blob.data for blob in found if blob]


def test_a_run_goes_from_windows_to_a_report(tasks: Tasks) -> None:
    job = tasks.plant.job()
    code, out, err = tasks.run(*SCORE)
    assert (code, err) == (0, "")
    assert all(": Time taken in seconds: " in line for line in out.splitlines())
    assert tasks.plant.predictions(job)["prediction"].sum() == 1
    assert tasks.run("merge")[0] == 0
    assert b"Anomalies in 1 of 2 series" in tasks.plant.report(job)


def test_a_task_killed_halfway_and_repeated_writes_the_same_bytes(tasks: Tasks) -> None:
    job = tasks.plant.job()
    assert tasks.run(*SCORE)[0] == 0
    expected = outputs(tasks.plant, job)
    assert len(expected) == 2
    for info in tasks.plant.containers.predictions.list():
        tasks.plant.containers.predictions.delete(info.name)
    with tasks.start(*SCORE) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("load models"):
            assert process.poll() is None
        process.kill()
    assert tasks.run(*SCORE)[0] == 0
    assert outputs(tasks.plant, job) == expected


def _damage(plant: Plant) -> None:
    name = f"anomaly/{plant.version}/models.safetensors"
    blob = plant.containers.bundles.get(name)
    assert blob is not None
    plant.containers.bundles.put(name, blob.data[:-1] + bytes([blob.data[-1] ^ 1]))


def _remove(plant: Plant) -> None:
    for info in plant.containers.bundles.list(f"anomaly/{plant.version}"):
        plant.containers.bundles.delete(info.name)


@pytest.mark.parametrize("spoil", [_damage, _remove])
def test_a_bundle_that_cannot_be_used_ends_with_2_and_one_line(tasks: Tasks, spoil: Callable[[Plant], None]) -> None:
    spoil(tasks.plant)
    code, _, err = tasks.run(*SCORE)
    assert code == 2
    assert len(err.splitlines()) == 1
