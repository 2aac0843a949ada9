"""Runs moved on by the driver while their jobs are on Azure Batch: lost jobs, and two movers at once."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devhost.contract.faults import Kind
from shared.compute import Task
from shared.compute.azure_batch import account
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.errors import Transient
from shared.runs.driver import Driver, Message
from shared.runs.record import Run, State
from shared.runs.store import RunStore
from shared.storage import MemoryStorage
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import asleep, script, sleeper, until
from tests.devhost.contract.contract_server import Contract

pytestmark = pytest.mark.slow
NOW = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass(frozen=True)
class Planned:
    tasks: Sequence[Task]

    def plan(self, run_id: str, params: Mapping[str, str]) -> Sequence[Task]:
        return self.tasks


@pytest.fixture
def batch(azurite: Azurite, tmp_path: Path) -> Iterator[tuple[AzureBatchCompute, Contract]]:
    with implementations.azure_batch(tmp_path / "batch", azurite) as both:
        yield both


def driver_of(compute: AzureBatchCompute, storage: MemoryStorage, tasks: Sequence[Task]) -> Driver:
    store = RunStore(storage.control("runs"))
    return Driver(store, storage.queue("runs"), {"planned": Planned(tasks)}, {"planned": compute}, 0, lambda: NOW)


def begin(driver: Driver, run_id: str) -> Run:
    driver.start(Run(id=run_id, workload="planned", params={}, created=NOW, updated=NOW))
    return driver.store.load(run_id)[0]


def moved(driver: Driver, run_id: str) -> Run:
    run, _ = driver.store.load(run_id)
    if not run.state.final:
        driver.move(Message(run_id, run.step))
    return driver.store.load(run_id)[0]


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


@pytest.fixture(scope="module")
def shared_batch(
    azurite: Azurite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[AzureBatchCompute, Contract]]:
    with implementations.azure_batch(tmp_path_factory.mktemp("batch"), azurite) as both:
        yield both


FAULTS = st.lists(
    st.tuples(
        st.sampled_from([Kind.CUT_BEFORE, Kind.CUT_AFTER, Kind.NOT_JSON, Kind.STATUS]),
        st.sampled_from(["POST /jobs", "GET /jobs", ".*addtaskcollection", "PATCH .*", ".*taskcounts", "GET .*"]),
        st.integers(1, 8),
        st.integers(0, 2),
        st.sampled_from([408, 429, 500, 503]),
    ),
    max_size=6,
)


@settings(max_examples=4)
@given(faults=FAULTS)
@example(faults=[(Kind.NOT_JSON, "POST /jobs", 8, 0, 500)])
def test_whatever_the_network_does_every_task_of_a_run_runs_once(
    shared_batch: tuple[AzureBatchCompute, Contract],
    tmp_path_factory: pytest.TempPathFactory,
    faults: list[tuple[Kind, str, int, int, int]],
) -> None:
    compute, contract = shared_batch
    run_id, file = f"chaos-{uuid4()}", tmp_path_factory.mktemp("chaos") / "count"
    write = f"open({str(file)!r}, 'a').write"
    driver = driver_of(
        compute, MemoryStorage(), [script("a", f"{write}('a')"), script("b", f"{write}('b')"), script("c", "pass", "b")]
    )
    begin(driver, run_id)
    for kind, operation, times, skip, status in faults:
        contract.faults.add(kind, operation, times=times, skip=skip, status=status)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account, "PAUSES", (0.0,) * 4)
        until(lambda: _moved_or_not(driver, run_id))
    run = driver.store.load(run_id)[0]
    contract.faults.waiting.clear()
    assert (run.state, run.tasks_done, run.reason) == (State.SUCCEEDED, 3, "")
    assert sorted(file.read_text()) == ["a", "b"]


def _moved_or_not(driver: Driver, run_id: str) -> bool:
    try:
        return moved(driver, run_id).state.final
    except Transient:  # its message comes again
        return False
