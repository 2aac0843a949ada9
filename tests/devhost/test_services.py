import socket
from pathlib import Path

import pytest

from devhost import services
from devhost.connections import storage_string
from shared.errors import SettingsError
from shared.settings.storage_account import DEVELOPMENT_KEY, Account, parse_account


def account(name: str, port: int = 10000, key: str = "a2V5", host: str = "127.0.0.1") -> str:
    return Account(name, key, f"http://{host}:{port}/{name}", f"http://{host}:{port + 1}/{name}").connection_string


LOCAL = {
    "ControlStorage": account("devstoreaccount1", key=DEVELOPMENT_KEY),
    "DataStorage": account("tallydata"),
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "EventHubs": "Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=n;SharedAccessKey=s3cret;"
    "UseDevelopmentEmulator=true",
    "EVENT_HUB_NAME": "readings",
}


def test_development_storage_is_the_account_that_azurite_publishes() -> None:
    alone = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    for settings in (LOCAL, alone):
        held = parse_account("AzureWebJobsStorage", storage_string(settings, "AzureWebJobsStorage") or "")
        assert held == parse_account("ControlStorage", LOCAL["ControlStorage"])


@pytest.mark.parametrize(
    "text", ["UseDevelopmentStorage=true", "usedevelopmentstorage=True;", '"UseDevelopmentStorage=true"\n']
)
def test_azurite_serves_development_storage_in_all_settings(text: str, tmp_path: Path) -> None:
    settings = dict.fromkeys(("DataStorage", "ControlStorage", "AzureWebJobsStorage"), text)
    service = services.azurite_service(settings, tmp_path, Path("azurite.js"))
    assert service is not None
    assert [port.number for port in service.ports] == [10000, 10001]
    assert service.env["AZURITE_ACCOUNTS"] == f"devstoreaccount1:{DEVELOPMENT_KEY}"


def test_azurite_gets_the_ports_and_accounts_of_the_connection_strings(tmp_path: Path) -> None:
    service = services.azurite_service(LOCAL, tmp_path, Path("azurite.js"))
    assert service is not None
    assert [port.number for port in service.ports] == [10000, 10001]
    assert service.env["AZURITE_ACCOUNTS"] == f"tallydata:a2V5;devstoreaccount1:{DEVELOPMENT_KEY}"
    assert "a2V5" not in " ".join(service.command) + repr(service)


def test_the_event_hubs_peer_gets_port_hub_group_and_key(tmp_path: Path) -> None:
    service = services.event_hubs_service(LOCAL | {"EVENT_HUB_CONSUMER_GROUP": "tally"}, tmp_path)
    assert service is not None
    assert service.command[3:5] == ("--port", "5672")
    assert service.command[-1] == "readings:4:tally"
    assert service.env["EVENTHUB_KEY"] == "s3cret"
    assert "s3cret" not in " ".join(service.command) + repr(service)


def test_services_in_the_cloud_or_left_out_are_not_started(tmp_path: Path) -> None:
    cloud = {"DataStorage": "AccountName=x;AccountKey=k;EndpointSuffix=core.windows.net"}
    assert services.azurite_service(cloud, tmp_path, Path()) is None
    assert services.azurite_service({"DataStorage__blobServiceUri": "https://x"}, tmp_path, Path()) is None
    namespace = {"EventHubs": "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k"}
    assert services.event_hubs_service(namespace, tmp_path) is None
    left_out = LOCAL | {"LOCAL_SERVICES": "azurite"}
    assert services.event_hubs_service(left_out, tmp_path) is None
    assert services.azurite_service(left_out, tmp_path, Path()) is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DataStorage": account("tallydata", 10010)}, "does not fit"),
        ({"DataStorage": account("devstoreaccount1", key="b3RoZXI=")}, "does not fit"),
        ({"DataStorage": "nonsense"}, "AccountName"),
        ({"LOCAL_SERVICES": "azurite,kafka"}, "kafka"),
    ],
)
def test_settings_that_no_azurite_can_serve_are_refused(change: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        services.azurite_service(LOCAL | change, tmp_path, Path())


def test_a_taken_port_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        host = services.host_service({"HOST_PORT": str(port)}, tmp_path, tmp_path, None)
        with pytest.raises(SettingsError, match=rf"Port {port} \(host, HTTP\) is taken.*HOST_PORT"):
            services.check_ports([host])


def test_two_services_cannot_share_a_port(tmp_path: Path) -> None:
    host = services.host_service({"HOST_PORT": "5672"}, tmp_path, tmp_path, None)
    peer = services.event_hubs_service(LOCAL, tmp_path)
    assert peer is not None
    with pytest.raises(SettingsError, match="host and eventhubs both want port 5672"):
        services.check_ports([peer, host])
