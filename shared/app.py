"""Puts the parts together for whoever uses them: the triggers, and the command line."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from shared.anomaly_detection import workload as anomaly
from shared.compute import Compute
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.compute.local import LocalCompute
from shared.runs.driver import Driver
from shared.runs.store import RunStore
from shared.runs.workload import Workload
from shared.settings import Settings
from shared.storage import Storage
from shared.style_transfer import workload as style_transfer


def clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def make_driver(settings: Settings, storage: Storage) -> Driver:
    """What starts runs and moves them on, as the settings say; nothing is contacted yet."""
    workloads: dict[str, Workload] = {
        anomaly.WORKLOAD: anomaly.AnomalyWorkload(storage, settings),
        style_transfer.WORKLOAD: style_transfer.StyleWorkload(settings),
    }
    return Driver(
        RunStore(storage.control("runs")),
        storage.queue("runs"),
        workloads,
        make_computes(settings, storage, workloads),
        settings.poll_seconds,
        clock,
    )


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
