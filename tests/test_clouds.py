"""Every token is for the cloud that the addresses in the settings are in, from that cloud's sign-in."""

from pathlib import Path
from typing import Any

import pytest

from cli.azure_rest import AzureRest, NotChecked
from cli.doctor_azure import AzureChecks
from shared.clouds import CHINA, CLOUDS, PUBLIC, US_GOVERNMENT, Cloud, cloud_of, resource_manager
from shared.compute import azure_ml_v1
from shared.compute.azure_batch.account import BatchAccount
from shared.compute.azure_ml.workspace import Workspace
from shared.errors import SettingsError
from shared.readings.hub import last_sequences
from shared.settings import Connection, Settings
from shared.storage.azure import blob_service, queue_service
from tests.peers.azure.ml_server import ml_server

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
HOSTS = {
    PUBLIC: ("batch.azure.com", "servicebus.windows.net", "api.azureml.ms"),
    US_GOVERNMENT: ("batch.usgovcloudapi.net", "servicebus.usgovcloudapi.net", "api.ml.azure.us"),
    CHINA: ("batch.chinacloudapi.cn", "servicebus.chinacloudapi.cn", "api.ml.azure.cn"),
}


class Asked(Exception):
    """A token was asked for."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str]]:
    """The sign-in and the scope of each token that was asked for; none is given."""
    found: list[tuple[str | None, str]] = []

    class Credential:
        def __init__(self, **options: str) -> None:
            self.authority = options.get("authority")

        def get_token(self, *scopes: str, **_: Any) -> None:
            found.append((self.authority, *scopes))
            raise Asked

    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Credential)
    return found


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.sdk_v1)
def test_every_token_is_for_the_cloud_of_the_address_it_is_sent_to(cloud: Cloud, asked: list[tuple[str, str]]) -> None:
    batch, hubs, learning = HOSTS[cloud]
    blobs, queues = (f"https://tally.{kind}.{cloud.storage_suffix}" for kind in ("blob", "queue"))
    connection = Connection("C", blob_uri=blobs, queue_uri=queues)
    settings = Settings(event_hubs=Connection("H", namespace=f"tally.{hubs}"))
    workspace = Workspace(WORKSPACE, cloud.resource_manager)
    calls = {
        f"{cloud.batch}/.default": lambda: BatchAccount(f"https://a.r.{batch}").call(
            lambda client: client.get_job("j")
        ),
        f"{cloud.resource_manager}/.default": lambda: workspace.get("jobs/j"),
        f"{cloud.machine_learning}/.default": lambda: workspace._call("GET", f"https://r.{learning}", history=True),
        "https://eventhubs.azure.net/.default": lambda: last_sequences(settings),
    }
    for act in calls.values():
        with pytest.raises(Asked):
            act()
    for service in (blob_service(connection, 0, ""), queue_service(connection, 0, "")):
        with pytest.raises(Asked):
            service.get_service_properties()
    with pytest.raises(Asked):
        azure_ml_v1.trigger(f"https://r.{learning}/pipelines", "a.mp4")
    scopes = [*calls, *["https://storage.azure.com/.default"] * 2, f"{cloud.resource_manager}/.default"]
    assert asked == [(cloud.authority, scope) for scope in scopes]


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.sdk_v1)
def test_the_doctor_asks_the_cloud_of_the_settings(cloud: Cloud, asked: list[tuple[str, str]]) -> None:
    env = {"BATCH_ENDPOINT": f"https://a.r.{HOSTS[cloud][0]}", "COMPUTE": "azure_batch,style=azure_ml"}
    settings = Settings.from_env(env | {"DataStorage__blobServiceUri": f"https://a.blob.{cloud.storage_suffix}"})
    rest = AzureRest(resource_manager(settings))
    with pytest.raises(Asked):
        AzureChecks(settings, rest)._identity()
    with pytest.raises(Asked):
        rest.image(f"tally.{cloud.registry_suffix}/tally-anomaly:1")
    assert asked == [(cloud.authority, f"{cloud.resource_manager}/.default")] * 2
    for other in {*CLOUDS} - {cloud}:
        with pytest.raises(NotChecked):
            rest.image(f"tally.{other.registry_suffix}/tally-anomaly:1")


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, PUBLIC),
        ({"AML_ENDPOINT": "https://management.usgovcloudapi.net/"}, US_GOVERNMENT),
        ({"BATCH_ENDPOINT": "https://a.chinaeast2.batch.chinacloudapi.cn"}, CHINA),
        ({"DataStorage": "AccountName=a;AccountKey=QUJD;EndpointSuffix=core.usgovcloudapi.net"}, US_GOVERNMENT),
        ({"ControlStorage__queueServiceUri": "https://a.queue.core.chinacloudapi.cn"}, CHINA),
        ({"EventHubs": "Endpoint=sb://n.servicebus.usgovcloudapi.net/;SharedAccessSignature=k"}, US_GOVERNMENT),
        ({"EventHubs__fullyQualifiedNamespace": "N.ServiceBus.ChinaCloudApi.cn"}, CHINA),
        ({"BATCH_ENDPOINT": "https://127.0.0.1:8", "EventHubs__fullyQualifiedNamespace": "n.azure.cn.example"}, PUBLIC),
    ],
)  # fmt: skip
def test_resource_manager_is_that_of_the_other_addresses(env: dict[str, str], expected: Cloud) -> None:
    assert cloud_of(resource_manager(Settings.from_env(env))) == expected


def test_where_no_address_tells_the_sign_in_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/")
    assert cloud_of("https://127.0.0.1:1", "") == US_GOVERNMENT
    assert cloud_of("https://management.chinacloudapi.cn") == CHINA


def test_a_contract_server_of_another_cloud_takes_its_tokens_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", US_GOVERNMENT.authority)
    with ml_server(tmp_path, {}) as contract:
        for name, value in contract.env.items():
            monkeypatch.setenv(name, value)
        workspace = Workspace(contract.env["AML_WORKSPACE"], contract.env["AML_ENDPOINT"])
        assert workspace.get("") is not None
        assert workspace._call("GET", f"{contract.env['URL']}/discovery", history=True).status == 200
        monkeypatch.delenv("AZURE_AUTHORITY_HOST")
        with pytest.raises(SettingsError, match=r"management\.azure\.com"):
            Workspace(contract.env["AML_WORKSPACE"], contract.env["AML_ENDPOINT"]).get("")
