"""What a run makes does not depend on where its tasks run: the same predictions and the same video, to the byte."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoring_images.anomaly.job import Containers, Job
from shared.anomaly_detection.workload import ANOMALY, Span, run_for
from shared.compute import Compute, Phase
from shared.runs.workload import Planner
from shared.settings import Settings
from shared.storage import Storage
from shared.style_transfer.styles import publish
from shared.style_transfer.workload import STYLE, Options, asked_run
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import ended
from tests.scoring_images.plant import END, START, Plant, model
from tests.scoring_images.style_transfer.clips import ffmpeg
from tests.scoring_images.style_transfer.networks import swapping

pytestmark = pytest.mark.slow
NOW = datetime(2026, 1, 31, tzinfo=UTC)
QUICK = {"TASK_THREADS": "1"}


@pytest.fixture
def everywhere(azurite: Azurite, tmp_path: Path) -> Iterator[Compute]:
    """Every implementation, one after the other, on the same storage."""

    def each() -> Iterator[Compute]:
        with implementations.local(tmp_path / "local", azurite) as local:
            yield local
        with implementations.azure_batch(tmp_path / "batch", azurite, **QUICK) as (azure_batch, _):
            yield azure_batch
        with implementations.azure_ml(tmp_path / "ml", azurite, **QUICK) as (azure_ml, _):
            yield azure_ml

    return each()


@pytest.fixture(scope="module")
def settings(azurite: Azurite) -> Settings:
    return Settings.from_env(azurite.settings | QUICK)


def test_predictions_are_the_same_everywhere(everywhere: Iterator[Compute], settings: Settings) -> None:
    storage = Storage.from_settings(settings)
    plant = Plant(Containers.of(storage))
    version = plant.train([model("pump", "flow"), model("pump", "heat")])
    plant.send("pump", "flow", [0.1, -0.1] * 40 + [9.0] + [0.1, -0.1] * 19)
    plant.send("pump", "heat", [0.2, -0.2] * 60)
    found = []
    for number, compute in enumerate(everywhere):
        run = run_for(Span(START, END), version, NOW)
        tasks = Planner(ANOMALY, storage, settings).plan(f"{run.id}-{number}", run.params)
        compute.submit(f"{run.id}-{number}", 1, tasks)
        assert ended(compute, f"{run.id}-{number}").phase is Phase.SUCCEEDED
        job = Job(f"{run.id}-{number}", version, START, END, len(tasks) - 1, False)
        parts = [plant.containers.predictions.get(job.part_name(part, "parquet")) for part in range(job.parts)]
        found.append([part.data for part in parts if part])
    assert len(found[0]) == 1
    assert all(first == second for first, second in itertools.pairwise(found))


def test_videos_are_the_same_everywhere(everywhere: Iterator[Compute], settings: Settings, tmp_path: Path) -> None:
    storage, clip = Storage.from_settings(settings), tmp_path / "clip.mp4"
    card = "testsrc2=size=64x48:rate=25:duration=0.8"
    ffmpeg("-f", "lavfi", "-i", card, "-c:v", "libx264", "-g", "10", "-pix_fmt", "yuv420p", str(clip))
    publish(storage.control("bundles"), "swap", swapping(), painting={}, parameters={}, metrics={})
    found = []
    for number, compute in enumerate(everywhere):
        storage.data("videos").put(f"{number}.mp4", clip.read_bytes())
        run = asked_run(storage, settings, f"{number}.mp4", Options(style="swap", segments=1), NOW)
        compute.submit(run.id, 1, Planner(STYLE, storage, settings).plan(run.id, run.params))
        assert ended(compute, run.id).phase is Phase.SUCCEEDED
        styled = storage.data("styled").get(f"{number}.mp4")
        assert styled
        found.append(styled.data)
    assert all(first == second for first, second in itertools.pairwise(found))
