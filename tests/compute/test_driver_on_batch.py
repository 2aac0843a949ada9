"""Runs moved on by the driver while their jobs are on Azure Batch: lost jobs, and two movers at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import example, given, settings

from peers.azure.faults import Kind
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.runs.driver import Driver
from shared.runs.record import Run, State
from shared.storage import MemoryStorage
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.driving import Fault, begin, driver_of, ended_under, faults_of, moved
from tests.compute.implementations import asleep, script, sleeper, until
from tests.peers.azure.contract_server import Contract

pytestmark = pytest.mark.slow


@pytest.fixture
def batch(azurite: Azurite, tmp_path: Path) -> Iterator[tuple[AzureBatchCompute, Contract]]:
    with implementations.azure_batch(tmp_path / "batch", azurite) as both:
        yield both


def test_a_run_whose_job_was_deleted_ends_as_if_it_had_not_been(
    batch: tuple[AzureBatchCompute, Contract], tmp_path: Path
) -> None:
    compute, contract = batch
    driver = driver_of(compute, MemoryStorage(), [sleeper(tmp_path / "pid", only_once=True)])
    begin(driver, "deleted")
    assert moved(driver, "deleted").state is State.RUNNING
    asleep(tmp_path / "pid")
    contract.inside(lambda: contract.batch.scheduler.delete(contract.batch.account.jobs["deleted-1"]))
    until(lambda: "deleted-1" not in contract.batch.account.jobs)
    until(lambda: moved(driver, "deleted").state.final)
    run = driver.store.load("deleted")[0]
    assert (run.state, run.tasks, run.tasks_done) == (State.SUCCEEDED, 1, 1)


def test_a_later_attempt_whose_job_was_deleted_does_not_end_as_the_earlier_one_did(
    batch: tuple[AzureBatchCompute, Contract], tmp_path: Path
) -> None:
    compute, contract = batch
    flag = tmp_path / "flag"
    driver = driver_of(compute, MemoryStorage(), [script("a", implementations.fails_until(flag), retries=0)])
    begin(driver, "later")
    until(lambda: moved(driver, "later").state is State.FAILED)
    flag.touch()
    driver.retry("later")
    assert moved(driver, "later").state is State.RUNNING
    contract.inside(lambda: contract.batch.account.jobs.pop("later-2"))
    until(lambda: moved(driver, "later").state.final)
    run = driver.store.load("later")[0]
    assert (run.state, run.attempt, run.reason) == (State.SUCCEEDED, 2, "")


def test_a_run_moved_by_two_instances_at_once_runs_its_tasks_once(
    batch: tuple[AzureBatchCompute, Contract], tmp_path: Path
) -> None:
    compute, contract = batch
    storage, file = MemoryStorage(), tmp_path / "count"
    tasks = [script(f"t{number}", f"open({str(file)!r}, 'a').write('x')") for number in range(5)]
    drivers = [driver_of(compute, storage, tasks) for _ in range(3)]
    begin(drivers[0], "twice")

    def move_to_the_end(driver: Driver) -> Run:
        until(lambda: moved(driver, "twice").state.final)
        return driver.store.load("twice")[0]

    with ThreadPoolExecutor(3) as threads:
        ends = list(threads.map(move_to_the_end, drivers))
    assert {(run.state, run.tasks_done) for run in ends} == {(State.SUCCEEDED, 5)}
    assert file.read_text() == "x" * 5
    assert list(contract.batch.account.jobs) == ["twice-1"]


def test_a_failed_run_that_is_tried_again_repeats_only_what_failed(
    batch: tuple[AzureBatchCompute, Contract], tmp_path: Path
) -> None:
    compute, _ = batch
    flag, file = tmp_path / "flag", tmp_path / "count"
    fails = script("fails", implementations.fails_until(flag), "done", retries=0)
    driver = driver_of(compute, MemoryStorage(), [script("done", f"open({str(file)!r}, 'a').write('x')"), fails])
    begin(driver, "again")
    until(lambda: moved(driver, "again").state.final)
    run = driver.store.load("again")[0]
    assert (run.state, run.tasks_done, run.tasks_failed) == (State.FAILED, 1, 1)
    assert run.reason == "Task fails failed 1 times, last with exit code 1: it wrote nothing to stderr"
    flag.touch()
    driver.retry("again")
    until(lambda: moved(driver, "again").state.final)
    run = driver.store.load("again")[0]
    assert (run.state, run.tasks_done, run.attempt) == (State.SUCCEEDED, 2, 2)
    assert file.read_text() == "x"


def test_a_run_waits_for_room_among_the_accounts_jobs_and_says_so(
    batch: tuple[AzureBatchCompute, Contract], tmp_path: Path
) -> None:
    compute, contract = batch
    contract.batch.account.job_quota = 0
    driver = driver_of(compute, MemoryStorage(), [script("a", "pass")])
    begin(driver, "waits")
    for _ in range(8):  # more often than its message would be tried
        run = moved(driver, "waits")
        assert (run.state, "ActiveJobAndScheduleQuotaReached" in run.reason) == (State.RUNNING, True)
    contract.batch.account.job_quota = 300
    until(lambda: moved(driver, "waits").state.final)
    assert driver.store.load("waits")[0].state is State.SUCCEEDED


@pytest.fixture(scope="module")
def shared_batch(
    azurite: Azurite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[AzureBatchCompute, Contract]]:
    with implementations.azure_batch(tmp_path_factory.mktemp("batch"), azurite) as both:
        yield both


@settings(max_examples=4)
@given(faults=faults_of("POST /jobs", "GET /jobs", ".*addtaskcollection", "PATCH .*", ".*taskcounts", "GET .*"))
@example(faults=[(Kind.NOT_JSON, "POST /jobs", 8, 0, 500)])
def test_whatever_the_network_does_every_task_of_a_run_runs_once(
    shared_batch: tuple[AzureBatchCompute, Contract],
    tmp_path_factory: pytest.TempPathFactory,
    faults: list[Fault],
) -> None:
    compute, contract = shared_batch
    run_id, file = f"chaos-{uuid4()}", tmp_path_factory.mktemp("chaos") / "count"
    write = f"open({str(file)!r}, 'a').write"
    driver = driver_of(
        compute, MemoryStorage(), [script("a", f"{write}('a')"), script("b", f"{write}('b')"), script("c", "pass", "b")]
    )
    run = ended_under(faults, driver, run_id, contract)
    assert (run.state, run.tasks_done, run.reason) == (State.SUCCEEDED, 3, "")
    assert sorted(file.read_text()) == ["a", "b"]
