"""The contract server is started beside an app whose tasks run on a Batch account of this machine, and only then."""

from pathlib import Path

from devhost import services
from devhost.contract.places import batch_settings


def test_the_server_is_started_where_tasks_run_on_an_account_of_this_machine(tmp_path: Path) -> None:
    settings = {"COMPUTE": "azure_batch", "ControlStorage": "x"} | batch_settings(9443, tmp_path)
    service = services.batch_service(settings, tmp_path)
    assert service is not None
    assert [port.number for port in service.ports] == [9443]
    assert service.env["ControlStorage"] == "x"
    assert settings["IDENTITY_HEADER"] not in " ".join(service.command) + repr(service)


def test_an_account_in_the_cloud_has_no_server_here(tmp_path: Path) -> None:
    local = {"COMPUTE": "azure_batch"} | batch_settings(9443, tmp_path)
    cloud = local | {"BATCH_ENDPOINT": "https://account.westeurope.batch.azure.com"}
    for settings in (cloud, local | {"COMPUTE": "local"}, local | {"LOCAL_SERVICES": "azurite"}):
        assert services.batch_service(settings, tmp_path) is None
