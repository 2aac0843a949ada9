"""The contract server is started beside an app whose tasks run on a service of this machine, and only then."""

from pathlib import Path

import pytest

from devhost import services
from peers.azure.places import batch_settings, ml_settings

PLACES = {"azure_batch": batch_settings, "azure_ml": ml_settings}


@pytest.mark.parametrize("compute", PLACES)
def test_the_server_is_started_where_tasks_run_on_a_service_of_this_machine(compute: str, tmp_path: Path) -> None:
    settings = {"COMPUTE": compute, "ControlStorage": "x"} | PLACES[compute](9443, tmp_path)
    service = services.contract_service(settings, tmp_path)
    assert service is not None
    assert [port.number for port in service.ports] == [9443]
    assert service.env["ControlStorage"] == "x"
    assert settings["IDENTITY_HEADER"] not in " ".join(service.command) + repr(service)


@pytest.mark.parametrize("compute", PLACES)
def test_a_service_in_the_cloud_has_no_server_here(compute: str, tmp_path: Path) -> None:
    local = {"COMPUTE": compute} | PLACES[compute](9443, tmp_path)
    cloud = local | {"BATCH_ENDPOINT": "https://account.westeurope.batch.azure.com", "AML_ENDPOINT": ""}
    for settings in (cloud, local | {"COMPUTE": "local"}, local | {"LOCAL_SERVICES": "azurite"}):
        assert services.contract_service(settings, tmp_path) is None
