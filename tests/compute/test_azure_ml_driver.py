"""Runs moved on by the driver while their jobs are on Azure Machine Learning: lost jobs, two movers, any faults."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import example, given, settings

from peers.azure.faults import Kind
from peers.azure.ml.service import BASE
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.runs.driver import Driver
from shared.runs.record import Run, State
from shared.storage import MemoryStorage
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.driving import Fault, begin, driver_of, ended_under, faults_of, moved
from tests.compute.implementations import asleep, script, sleeper, until
from tests.peers.azure.ml_server import MLContract

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AzureMLCompute, MLContract]]:
    with implementations.azure_ml(tmp_path_factory.mktemp("ml"), azurite) as both:
        yield both


def test_a_run_whose_job_was_deleted_ends_as_if_it_had_not_been(
    both: tuple[AzureMLCompute, MLContract], tmp_path: Path
) -> None:
    compute, contract = both
    driver = driver_of(compute, MemoryStorage(), [sleeper(tmp_path / "pid", only_once=True)])
    begin(driver, "gone")
    assert moved(driver, "gone").state is State.RUNNING
    asleep(tmp_path / "pid")
    job = contract.service.workspace.jobs["gone-1"]
    contract.inside(lambda: contract.service.scheduler.cancel(job))
    until(lambda: job.status == "Canceled")
    del contract.service.workspace.jobs[job.id]
    until(lambda: moved(driver, "gone").state.final)
    run = driver.store.load("gone")[0]
    assert (run.state, run.tasks, run.tasks_done) == (State.SUCCEEDED, 1, 1)


def test_a_run_moved_by_two_instances_at_once_runs_its_tasks_once(
    both: tuple[AzureMLCompute, MLContract], tmp_path: Path
) -> None:
    compute, contract = both
    storage, file = MemoryStorage(), tmp_path / "count"
    tasks = [script(f"t{number}", f"open({str(file)!r}, 'a').write('x')") for number in range(3)]
    drivers = [driver_of(compute, storage, tasks) for _ in range(3)]
    begin(drivers[0], "twice")

    def move_to_the_end(driver: Driver) -> Run:
        until(lambda: moved(driver, "twice").state.final)
        return driver.store.load("twice")[0]

    with ThreadPoolExecutor(3) as threads:
        ends = list(threads.map(move_to_the_end, drivers))
    assert {(run.state, run.tasks_done) for run in ends} == {(State.SUCCEEDED, 3)}
    assert file.read_text() == "xxx"
    assert [job for job in contract.service.workspace.jobs if job.startswith("twice")] == ["twice-1"]


JOB = f"{BASE}/jobs/{{id}}"


@settings(max_examples=2)
@given(faults=faults_of(f"PUT {JOB}", f"GET {JOB}", "GET .*/environments/.*", "GET .*/computes/.*"))
@example(faults=[(Kind.CUT_AFTER, f"PUT {JOB}", 8, 0, 500)])
def test_whatever_the_network_does_every_task_of_a_run_runs_once(
    both: tuple[AzureMLCompute, MLContract],
    tmp_path_factory: pytest.TempPathFactory,
    faults: list[Fault],
) -> None:
    compute, contract = both
    run_id, file = f"chaos-{uuid4()}", tmp_path_factory.mktemp("chaos") / "count"
    write = f"open({str(file)!r}, 'a').write"
    driver = driver_of(compute, MemoryStorage(), [script("a", f"{write}('a')"), script("b", f"{write}('b')", "a")])
    run = ended_under(faults, driver, run_id, contract)
    assert (run.state, run.tasks_done, run.reason) == (State.SUCCEEDED, 2, "")
    assert file.read_text() == "ab"
