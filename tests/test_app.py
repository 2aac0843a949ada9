"""The parts are put together as the settings say."""

import pytest

from shared.app import make_driver
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.compute.local import LocalCompute
from shared.errors import SettingsError
from shared.runs.driver import Driver
from shared.settings import Settings
from shared.storage import MemoryStorage


def driver(compute: str) -> Driver:
    return make_driver(Settings.from_env({"COMPUTE": compute}), MemoryStorage())


def test_each_workload_runs_on_the_compute_that_is_chosen_for_it() -> None:
    computes = driver("azure_batch,style=azure_ml").computes
    assert [type(computes[name]) for name in ("anomaly", "style")] == [AzureBatchCompute, AzureMLCompute]
    computes = driver("local").computes
    assert type(computes["anomaly"]) is LocalCompute
    assert computes["anomaly"] is computes["style"]


def test_a_workload_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingsError, match=r"'video'.*anomaly, style"):
        driver("video=azure_ml")
