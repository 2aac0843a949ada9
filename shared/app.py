"""Puts the parts together for whoever uses them: the triggers, and the command line."""

from datetime import UTC, datetime
from pathlib import Path

from shared.compute import Compute
from shared.compute.local import LocalCompute
from shared.errors import SettingsError
from shared.runs.driver import Driver
from shared.runs.store import RunStore
from shared.settings import Settings
from shared.storage import Storage
from shared.workloads import anomaly, style_transfer


def clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def make_driver(settings: Settings, storage: Storage) -> Driver:
    """What starts runs and moves them on, as the settings say; nothing is contacted yet."""
    return Driver(
        RunStore(storage.control("runs")),
        storage.queue("runs"),
        {
            anomaly.WORKLOAD: anomaly.AnomalyWorkload(storage, settings),
            style_transfer.WORKLOAD: style_transfer.StyleWorkload(settings),
        },
        make_compute(settings),
        settings.poll_seconds,
        clock,
    )


def make_compute(settings: Settings) -> Compute:
    """Where tasks run; raises SettingsError for a COMPUTE that does not exist."""
    if settings.compute == "local":
        return LocalCompute(Path(settings.local_compute_dir))
    raise SettingsError(f"COMPUTE is {settings.compute!r}.", "It can be: local.")
