"""Puts the parts together for whoever uses them: the triggers, and the command line."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from shared.compute import Compute
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.compute.local import LocalCompute
from shared.runs.driver import Driver
from shared.runs.store import RunStore
from shared.runs.uploads import Intake
from shared.runs.workload import Planner
from shared.settings import Settings
from shared.settings.checks import check_names
from shared.storage import Storage
from shared.workloads import NAMES, WORKLOADS


def clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def make_driver(settings: Settings, storage: Storage) -> Driver:
    """What starts runs and moves them on, as the settings say; nothing is contacted yet. Raises SettingsError."""
    check_names(settings, NAMES)
    return Driver(
        RunStore(storage.control("runs")),
        storage.queue("runs"),
        {workload.name: Planner(workload, storage, settings) for workload in WORKLOADS},
        make_computes(settings, storage, NAMES),
        settings.poll_seconds,
        clock,
    )


def make_intake(settings: Settings, storage: Storage, driver: Driver) -> Intake:
    """What makes runs of uploads."""
    return Intake(driver, storage, settings, WORKLOADS)


def make_computes(settings: Settings, storage: Storage, workloads: Collection[str]) -> dict[str, Compute]:
    """Where the tasks of each workload run."""
    chosen = {workload: settings.compute_of(workload) for workload in workloads}
    made = {name: make_compute(name, settings, storage) for name in set(chosen.values())}
    return {workload: made[name] for workload, name in chosen.items()}


def make_compute(name: str, settings: Settings, storage: Storage) -> Compute:
    """One of the computes by its name; nothing is contacted yet."""
    if name == "azure_batch":
        return AzureBatchCompute(settings, storage.control("logs"))
    if name == "azure_ml":
        return AzureMLCompute(settings, storage.control("compute"), storage.control("logs"))
    return LocalCompute(Path(settings.local_compute_dir))
