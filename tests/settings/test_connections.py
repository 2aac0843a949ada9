"""Connection strings as the portal, Azurite and people give them: app, host and tasks agree on the address."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from azure.eventhub import parse_connection_string
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from hypothesis import given
from hypothesis import strategies as st

from devhost.connections import blob_service, event_hub_consumer, queue_service
from shared.errors import SettingsError
from shared.settings import Settings
from shared.settings.event_hub_string import parse_namespace
from shared.settings.storage_account import DEVELOPMENT_KEY, parse_account
from shared.storage import azure

ROOT = Path(__file__).parents[2]
SAS = "SharedAccessSignature=sv=2024-11-04&ss=bq&srt=sco&sp=rwdlacup&se=2030-01-01T00:00:00Z&sig=c2lnbmVk%3D"
KEY = "c2VjcmV0c2VjcmV0"


@pytest.mark.parametrize(
    ("text", "blob", "queue"),
    [
        (
            "UseDevelopmentStorage=true",
            "http://127.0.0.1:10000/devstoreaccount1",
            "http://127.0.0.1:10001/devstoreaccount1",
        ),
        (
            "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite",
            "http://azurite:10000/devstoreaccount1",
            "http://azurite:10001/devstoreaccount1",
        ),
        (
            f"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={KEY};EndpointSuffix=core.windows.net",
            "https://acc.blob.core.windows.net",
            "https://acc.queue.core.windows.net",
        ),
        (
            f"defaultendpointsprotocol=https;accountname=acc;accountkey={KEY};endpointsuffix=core.chinacloudapi.cn",
            "https://acc.blob.core.chinacloudapi.cn",
            "https://acc.queue.core.chinacloudapi.cn",
        ),
        (
            "BlobEndpoint=https://acc.blob.core.windows.net/;QueueEndpoint=https://acc.queue.core.windows.net/;"
            f"FileEndpoint=https://acc.file.core.windows.net/;TableEndpoint=https://acc.table.core.windows.net/;{SAS}",
            "https://acc.blob.core.windows.net",
            "https://acc.queue.core.windows.net",
        ),
        (
            f"AccountName=acc;{SAS.replace('=sv', '=?sv')}",
            "https://acc.blob.core.windows.net",
            "https://acc.queue.core.windows.net",
        ),
        (
            f"AccountName=acc;AccountKey={KEY};BlobEndpoint=https://files.example.com/;QueueEndpoint=https://q.example.com",
            "https://files.example.com",
            "https://q.example.com",
        ),
    ],
)
def test_app_and_host_reach_the_address_that_a_string_means(text: str, blob: str, queue: str) -> None:
    account = parse_account("ControlStorage", text)
    assert (account.blob, account.queue) == (blob, queue)
    for spelt in (text, f'"{text}"\n', f" {text}; ", text.replace(";", ";\r\n ")):
        connection = Settings.from_env({"ControlStorage": spelt}).control_storage
        clients = (
            azure.blob_service(connection, 0, ""),
            blob_service({"ControlStorage": spelt}, "ControlStorage"),
            azure.queue_service(connection, 0, ""),
            queue_service({"ControlStorage": spelt}, "ControlStorage"),
        )
        assert [client.url.partition("?")[0].rstrip("/") for client in clients] == [blob, blob, queue, queue]


@pytest.mark.parametrize(
    "blob", ["https://127.0.0.1:10000/acc", "HTTP://localhost:10000/acc", "https://azurite:10000/acc"]
)
def test_the_queues_of_an_emulator_are_not_looked_for_in_azure(blob: str) -> None:
    text = f"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={KEY};BlobEndpoint={blob};"
    assert parse_account("ControlStorage", text).queue == ""


def test_a_suffix_may_begin_with_its_dot() -> None:
    account = parse_account("DataStorage", f"AccountName=acc;AccountKey={KEY};EndpointSuffix=.core.windows.net")
    assert (account.blob, account.queue) == ("https://acc.blob.core.windows.net", "https://acc.queue.core.windows.net")


names = st.from_regex(r"[a-z0-9]{3,24}", fullmatch=True)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,6}){1,3}", fullmatch=True)
secrets = st.binary(min_size=1, max_size=64).map(lambda key: f"AccountKey={base64.b64encode(key).decode()}") | st.just(
    SAS
)


@st.composite
def strings(draw: st.DrawFn) -> str:
    parts = [f"AccountName={draw(names)}", draw(secrets)]
    if draw(st.booleans()):
        parts += [f"EndpointSuffix={draw(hosts)}"]
    if draw(st.booleans()):
        slash = draw(st.sampled_from(["", "/"]))
        parts += [f"BlobEndpoint=https://{draw(hosts)}{slash}", f"QueueEndpoint=https://{draw(hosts)}{slash}"]
    spell = draw(st.sampled_from([str, str.lower, str.upper]))
    parts = [
        f"{spell(name)}={value}" for name, _, value in (part.partition("=") for part in draw(st.permutations(parts)))
    ]
    return draw(st.sampled_from([";", "; ", ";\n"])).join(parts) + draw(st.sampled_from(["", ";", ";\n"]))


@given(strings())
def test_the_sdk_itself_reads_the_same_addresses(text: str) -> None:
    account, plain = parse_account("DataStorage", text), "".join(text.split())
    for client, address in (
        (BlobServiceClient.from_connection_string(plain), account.blob),
        (QueueServiceClient.from_connection_string(plain), account.queue),
    ):
        assert client.url.partition("?")[0].rstrip("/") == address


@given(strings())
def test_what_is_read_is_written_so_that_it_reads_the_same(text: str) -> None:
    account = parse_account("DataStorage", text)
    held = Settings.from_env({"DataStorage": text}).data_storage
    assert held.string == account.connection_string
    again = Settings.from_env({"DataStorage": str(held.string)}).data_storage
    assert again == held
    client = azure.blob_service.__wrapped__(held, 0, "")
    assert client.url.partition("?")[0].rstrip("/") == account.blob


def test_a_task_process_reads_the_same_addresses() -> None:
    text = "usedevelopmentstorage=TRUE; "
    code = (
        "import json; from shared.settings import Settings; from shared.storage import Storage;"
        "s = Storage.from_settings(Settings.from_env());"
        "print(json.dumps([s.data('aaa').client.url, s.control('bbb').client.url, s.queue('ccc').client.url]))"
    )
    env = {"DataStorage": text, "ControlStorage": text, "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    places = [(10000, "aaa"), (10000, "bbb"), (10001, "ccc")]
    expected = [f"http://127.0.0.1:{port}/devstoreaccount1/{name}" for port, name in places]
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "Name=value"),
        ("AccountName=acc", "AccountKey and SharedAccessSignature are missing"),
        (f"AccountKey={KEY}", "AccountName and BlobEndpoint are missing"),
        (f"AccountName=acc;AccountKey={KEY[:-1]}", "cut off"),
        ("BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=sv=2024-11-04&ss=b", "sig="),
        (f"AccountName=acc;AccountKey={KEY};BlobEndpoint=acc.blob.core.windows.net", "BlobEndpoint is no address"),
        (f"DefaultEndpointsProtocol=http;AccountName=acc;AccountKey={KEY}", "https"),
        (f"AccountName=a/c;AccountKey={KEY}", "cannot be part of an address"),
        (f"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey={KEY}", "Event Hubs"),
        ("https://acc.blob.core.windows.net/", "DataStorage__blobServiceUri"),
    ],
)
def test_a_string_that_is_none_is_refused_by_name_without_its_secret(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        Settings.from_env({"DataStorage": text})
    assert "DataStorage" in str(refused.value)
    assert KEY[:-1] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        f"Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=n;SharedAccessKey={KEY};UseDevelopmentEmulator=true;",
        f"endpoint=sb://127.0.0.1:5672/;sharedaccesskeyname=n;sharedaccesskey={KEY};usedevelopmentemulator=True",
        f'"ENDPOINT=sb://127.0.0.1:5672/;\n SHAREDACCESSKEYNAME=n;SHAREDACCESSKEY={KEY};USEDEVELOPMENTEMULATOR=TRUE"',
    ],
)
def test_an_event_hubs_string_reaches_the_sdk_in_its_own_spelling(text: str) -> None:
    string = str(Settings.from_env({"EventHubs": text}).event_hubs.string)
    read = parse_connection_string(string)
    assert (read.endpoint, read.shared_access_key_name, read.shared_access_key) == ("sb://127.0.0.1:5672/", "n", KEY)
    consumer = event_hub_consumer({"EventHubs": text}, "EventHubs", "readings", "$Default")
    assert consumer._config.use_tls is False  # the SDK's only sign that it took the emulator


def test_a_hub_named_in_the_string_is_read_in_any_spelling() -> None:
    text = f"Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey={KEY};entitypath=mine"
    held = parse_namespace("EventHubs", text)
    assert (held.hub, held.host, held.emulator) == ("mine", "ns.servicebus.windows.net", False)
    assert "EntityPath=mine" in held.connection_string


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"AccountName=a;AccountKey={KEY}", "storage account"),
        ("UseDevelopmentStorage=true", "storage account"),
        (f"HostName=h.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={KEY}", "IoT"),
        (f"SharedAccessKeyName=n;SharedAccessKey={KEY}", "no Endpoint"),
        ("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n", "SharedAccessKey"),
        ("ns.servicebus.windows.net", "Name=value"),
    ],
)
def test_an_event_hubs_string_that_is_none_is_refused_by_name(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as refused:
        Settings.from_env({"EventHubs": text})
    assert "EventHubs" in str(refused.value)
    assert KEY not in str(refused.value)


def test_an_emulator_in_another_container_is_reached_by_http() -> None:
    text = f"DefaultEndpointsProtocol=http;AccountName=acc;AccountKey={KEY};BlobEndpoint=http://azurite:10000/acc"
    account = parse_account("DataStorage", text)
    assert (account.blob, account.queue, account.local) == ("http://azurite:10000/acc", "", False)


def test_azurites_key_is_the_one_of_the_sample() -> None:
    assert DEVELOPMENT_KEY in (ROOT / "local.settings.sample.json").read_text()
