"""The implementations of compute, each ready to run tasks on this machine, and what their tests ask of tasks."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.compute import Compute, Image, Phase, Status, Task
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.compute.azure_ml.definitions import cluster, cluster_part
from shared.compute.local import LocalCompute
from shared.settings import Settings
from shared.storage import Storage
from shared.workloads import IMAGES
from tests.azurite import Azurite
from tests.peers.azure.contract_server import Contract, contract_server
from tests.peers.azure.ml_server import MLContract, ml_server


@contextmanager
def local(folder: Path, azurite: Azurite) -> Iterator[LocalCompute]:
    """Local compute whose runs are stopped at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azurite.settings.items():
            patch.setenv(name, value)
        compute = LocalCompute(folder)
        yield compute
        for run in folder.glob("*/"):
            compute.cancel(run.name)


@contextmanager
def azure_batch(folder: Path, azurite: Azurite, **settings: str) -> Iterator[tuple[AzureBatchCompute, Contract]]:
    """Azure Batch compute with the real SDK, led to a contract server of its own."""
    with contract_server(folder, azurite.settings | settings) as contract, pytest.MonkeyPatch.context() as patch:
        for name, value in contract.env.items():
            patch.setenv(name, value)
        yield batch_compute(contract), contract


def batch_compute(contract: Contract, **changed: str) -> AzureBatchCompute:
    """Another instance of the app, with settings of its own."""
    settings = Settings.from_env(dict(contract.env) | changed)
    return AzureBatchCompute(settings, Storage.from_settings(settings).control("logs"))


@contextmanager
def azure_ml(folder: Path, azurite: Azurite, **settings: str) -> Iterator[tuple[AzureMLCompute, MLContract]]:
    """Azure Machine Learning compute, led to a contract server of its own."""
    with ml_server(folder, azurite.settings | settings) as contract, pytest.MonkeyPatch.context() as patch:
        for name, value in contract.env.items():
            patch.setenv(name, value)
        compute = ml_compute(contract)
        for image in IMAGES:
            made(compute, image)
        yield compute, contract


def made(compute: AzureMLCompute, image: Image) -> None:
    """See that an image has a cluster, which the first submission would have made."""
    part, body = cluster_part(compute.settings, image.name), cluster(compute.settings, image.node, "loopback")
    compute.workspace.put(part, body or {})
    until(lambda: (held := compute.workspace.get(part)) is not None and "Creating" not in str(held.body))


def ml_compute(contract: MLContract, **changed: str) -> AzureMLCompute:
    """Another instance of the app, with settings of its own."""
    settings = Settings.from_env(dict(contract.env) | changed)
    storage = Storage.from_settings(settings)
    return AzureMLCompute(settings, storage.control("compute"), storage.control("logs"))


def script(task_id: str, code: str, *needs: str, **options: int) -> Task:
    """A task that runs Python code."""
    return Task(task_id, "anomaly", ("python", "-c", code), needs, **options)


def until(seen: Callable[[], bool], pause: float = 0.02) -> None:
    """Wait for something that another process does; the test's own time-out bounds it."""
    while not seen():
        time.sleep(pause)


def ended(compute: Compute, run_id: str) -> Status:
    """The status of a run once it has ended."""
    until(lambda: compute.status(run_id).phase is not Phase.RUNNING, 0.1)
    return compute.status(run_id)


def fails_until(flag: Path) -> str:
    """Code that fails as long as a file is not there."""
    return f"import os, sys; sys.exit(not os.path.exists({str(flag)!r}))"


def sleeper(pid: Path, *needs: str, only_once: bool = False) -> Task:
    """Writes its process id, then sleeps; `only_once` ends at once when it did so before."""
    leave = "if p.exists(): raise SystemExit(0)" if only_once else ""
    lines = ("import os, pathlib, time", f"p = pathlib.Path({str(pid)!r})", leave, "p.write_text(str(os.getpid()))")
    return script("sleeper", "\n".join((*lines, "time.sleep(600)")), *needs)


def asleep(pid: Path) -> int:
    """The process id of a sleeper, once it sleeps."""
    until(lambda: pid.exists() and pid.read_text() != "")
    return int(pid.read_text())
