"""A driver that moves runs of given tasks, and what may befall its requests on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from peers.azure.faults import Kind
from shared.compute import Compute, Task, patience
from shared.errors import Transient
from shared.runs.driver import Driver, Message
from shared.runs.record import Run
from shared.runs.store import RunStore
from shared.storage import MemoryStorage
from tests.compute.implementations import until
from tests.peers.azure.contract_server import Peer

NOW = datetime(2026, 1, 31, tzinfo=UTC)

type Fault = tuple[Kind, str, int, int, int]
"""Its kind, the operation it befalls, how often, after how many, and with which status."""


@dataclass(frozen=True)
class Planned:
    tasks: Sequence[Task]

    def plan(self, run_id: str, params: Mapping[str, str]) -> Sequence[Task]:
        return self.tasks


def driver_of(compute: Compute, storage: MemoryStorage, tasks: Sequence[Task]) -> Driver:
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


def faults_of(*operations: str) -> st.SearchStrategy[list[Fault]]:
    return st.lists(
        st.tuples(
            st.sampled_from([Kind.CUT_BEFORE, Kind.CUT_AFTER, Kind.NOT_JSON, Kind.STATUS]),
            st.sampled_from(operations),
            st.integers(1, 8),
            st.integers(0, 2),
            st.sampled_from([408, 429, 500, 503]),
        ),
        max_size=6,
    )


def ended_under(faults: Sequence[Fault], driver: Driver, run_id: str, peer: Peer) -> Run:
    """Begin a run and move it to its end while faults befall its requests, which are tried again at once."""
    begin(driver, run_id)
    for kind, operation, times, skip, status in faults:
        peer.faults.add(kind, operation, times=times, skip=skip, status=status)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "PAUSES", (0.0,) * 4)
        until(lambda: _moved_or_not(driver, run_id))
    run = driver.store.load(run_id)[0]
    peer.faults.waiting.clear()
    return run


def _moved_or_not(driver: Driver, run_id: str) -> bool:
    try:
        return moved(driver, run_id).state.final
    except Transient:  # its message comes again
        return False
