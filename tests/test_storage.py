"""The ports to storage behave alike, in memory and on a real account."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import SEEK_END, BytesIO
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import HttpTransport
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from shared.errors import Conflict, InvalidInput, SettingsError, TallyError, TooLarge, Transient
from shared.settings import Settings
from shared.storage import AzureBlobs, AzureQueue, BlobFile, BlobStore, MemoryBlobs, Storage
from shared.storage.refusals import as_tally_error
from tests.azurite import Azurite
from tests.replay import Answer, Service, refusal, replaying


@pytest.fixture(params=["memory", "azurite"])
def container(request: pytest.FixtureRequest) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobs()
    azurite: Azurite = request.getfixturevalue("azurite")
    name = "c" + "".join(filter(str.isalnum, request.node.name.lower()))[:50]
    return Storage.from_settings(Settings.from_env(azurite.settings)).data(name)


def test_what_was_put_is_got_with_its_etag(container: BlobStore) -> None:
    etag = container.put("a/b", b"one")
    blob = container.get("a/b")
    assert blob is not None
    assert (blob.data, blob.etag) == (b"one", etag)


def test_an_absent_blob_is_none_and_can_be_deleted(container: BlobStore) -> None:
    assert container.get("nothing") is None
    container.delete("nothing")
    assert list(container.list()) == []


def test_a_put_under_an_old_etag_is_a_conflict(container: BlobStore) -> None:
    old = container.put("a", b"one")
    new = container.put("a", b"two", etag=old)
    with pytest.raises(Conflict):
        container.put("a", b"three", etag=old)
    container.delete("a")
    with pytest.raises(Conflict):
        container.put("a", b"four", etag=new)


def test_a_new_put_over_something_is_a_conflict(container: BlobStore) -> None:
    container.put("a", b"one", new=True)
    with pytest.raises(Conflict):
        container.put("a", b"two", new=True)


def test_a_listing_is_in_name_order_under_its_prefix(container: BlobStore) -> None:
    for name in ("b/2", "a/1", "b/1"):
        container.put(name, b"x")
    assert [(info.name, info.size) for info in container.list("b/")] == [("b/1", 1), ("b/2", 1)]


def test_a_queue_is_made_by_its_first_message(azurite: Azurite) -> None:
    Storage.from_settings(Settings.from_env(azurite.settings)).queue("first-message").send("hello", 1)


def test_an_account_that_is_not_set_is_named() -> None:
    with pytest.raises(SettingsError, match="DataStorage__blobServiceUri"):
        Storage.from_settings(Settings.from_env({})).data("windows")


def test_an_account_that_does_not_answer_is_transient() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:{port}/a"
    client = ContainerClient.from_connection_string(address, "windows", retry_total=0)
    with pytest.raises(Transient, match=r"cannot be reached: .* refused\. .*make up"):
        AzureBlobs(client).get("x")


@pytest.mark.parametrize(
    ("address", "local"),
    [("http://127.0.0.1:10000/a/c", True), ("http://[::1]:1/a", True), ("https://a.blob.core.windows.net/c", False)],
)
def test_an_account_in_azure_is_not_started_by_make_up(address: str, local: bool) -> None:
    error = as_tally_error(ServiceRequestError("Failed to establish a new connection: timed out"), "a", address)
    assert isinstance(error, Transient)
    assert ("make up" in error.hint) == local
    assert ("firewall" in error.hint) != local


def storage_at(service: Service, **more: str) -> Storage:
    return Storage.from_settings(
        Settings.from_env(dict.fromkeys(("DataStorage", "ControlStorage"), service.connection) | more)
    )


ASK: dict[str, Callable[[Storage], object]] = {
    "blobs": lambda storage: storage.data("videos").put("a", b"1"),
    "queue": lambda storage: storage.queue("runs").send("a"),
}


@pytest.mark.parametrize("kind", ASK)
def test_a_busy_account_is_asked_for_a_minute(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(HttpTransport, "sleep", lambda _, seconds: pauses.append(seconds))
    with replaying([refusal(503, "ServerBusy", "The server is busy.")]) as service:
        with pytest.raises(Transient, match=r"The server is busy\. It is tried again\."):
            ASK[kind](storage_at(service))
        assert len(service.requests) == 6
    assert [round(pause) for pause in pauses] == pytest.approx([3, 5, 9, 17, 33], abs=1)


def test_all_first_senders_to_a_queue_send(azurite: Azurite) -> None:
    storage, names = (
        Storage.from_settings(Settings.from_env(azurite.settings)),
        [f"first-senders-{n}" for n in range(8)],
    )
    with ThreadPoolExecutor(4) as pool:
        for name in names:
            list(pool.map(lambda text, name=name: storage.queue(name).send(text), "abcd"))
    for name in names:
        with QueueClient.from_connection_string(azurite.control, name) as queue:
            assert sorted(message.content for message in queue.receive_messages()) == list("abcd")


@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (409, "BlobAlreadyExists", Conflict, ""),
        (412, "ConditionNotMet", Conflict, ""),
        (400, "InvalidBlockList", Transient, "tried again"),
        (409, "BlobArchived", InvalidInput, "archive tier"),
        (409, "SnapshotsPresent", InvalidInput, "snapshots"),
        (409, "BlobImmutableDueToPolicy", InvalidInput, "policy"),
        (409, "SomethingNewInTheWay", InvalidInput, ""),
        (409, "ContainerBeingDeleted", Transient, "tried again"),
        (409, "BlobBeingRehydrated", Transient, "tried again"),
        (412, "LeaseIdMissing", Transient, "tried again"),
        (400, "InvalidUri", InvalidInput, ""),
        (413, "RequestBodyTooLarge", TooLarge, ""),
        (403, "AuthenticationFailed", SettingsError, "key"),
        (403, "AuthorizationPermissionMismatch", SettingsError, "Storage Blob Data Contributor"),
        (403, "AuthorizationFailure", SettingsError, "firewall"),
        (403, "KeyBasedAuthenticationNotPermitted", SettingsError, "identity"),
        (403, "SomethingNew", SettingsError, "Storage Blob Data Contributor"),
        (401, "NoAuthenticationInformation", SettingsError, "role"),
    ],
)
@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.put("a", b"1"),
        lambda store: store.get("a"),
        lambda store: store.info("a"),
        lambda store: store.read("a", 0, 1, '"1"'),
        lambda store: list(store.list("a")),
        lambda store: store.delete("a"),
    ],
    ids=["put", "get", "info", "read", "list", "delete"],
)
def test_a_refusal_is_told_as_itself(
    act: Callable[[BlobStore], Any], status: int, code: str, kind: type[TallyError], hint: str
) -> None:
    with replaying([refusal(status, code, "The service says why.")]) as service:
        with pytest.raises(TallyError) as refused:
            act(storage_at(service).data("videos"))
        assert len(service.requests) == 1
    assert type(refused.value) is kind
    assert hint in refused.value.hint
    assert "make up" not in refused.value.hint
    assert kind is Conflict or code in refused.value.message
    assert "RequestId" not in refused.value.message


@pytest.mark.parametrize("code", ["QueueBeingDeleted", "ContainerBeingDeleted"])
def test_what_is_being_deleted_cannot_be_made_again_yet(code: str) -> None:
    absent = "QueueNotFound" if code.startswith("Queue") else "ContainerNotFound"
    with replaying([refusal(404, absent), refusal(409, code, "It is being deleted.")]) as service:
        storage = storage_at(service)
        with pytest.raises(Transient, match=rf"{code}: It is being deleted\."):
            storage.queue("runs").send("a") if code.startswith("Queue") else storage.data("videos").put("a", b"1")


@pytest.mark.parametrize("kind", ["text/html", "application/xml"])
@pytest.mark.parametrize("body", [b"<html><body>Sign in<br></html>", b"<html>", b"<?xml version='1.0'?><Enumer"])
def test_an_answer_that_is_not_the_services_may_be_another_the_next_time(kind: str, body: bytes) -> None:
    header = {"content-type": kind}
    with (
        replaying([Answer(200, header, body)]) as service,
        ContainerClient.from_connection_string(service.connection, "c", retry_total=0) as container,
        pytest.raises(Transient, match="XML"),
    ):
        list(AzureBlobs(container).list())
    with (
        replaying([Answer(201, header, body)]) as service,
        QueueClient.from_connection_string(service.connection, "q", retry_total=0) as queue,
        pytest.raises(Transient, match="XML"),
    ):
        AzureQueue(queue).send("a")


@pytest.mark.parametrize("kind", ASK)
def test_the_version_of_the_interface_can_be_set(kind: str) -> None:
    with replaying([refusal(409, "SnapshotsPresent")]) as service:
        with pytest.raises(InvalidInput):
            ASK[kind](storage_at(service, STORAGE_API_VERSION="2025-11-05"))
        assert {request.headers["x-ms-version"] for request in service.requests} == {"2025-11-05"}
        with pytest.raises(SettingsError, match="STORAGE_API_VERSION is '1999-01-01'"):
            ASK[kind](storage_at(service, STORAGE_API_VERSION="1999-01-01"))


def test_a_blob_says_its_size_its_time_and_its_metadata(container: BlobStore) -> None:
    etag = container.put("a", b"12345", metadata={"style": "wave"})
    info = container.info("a")
    assert info is not None
    assert (info.name, info.etag.strip('"'), info.size, dict(info.metadata)) == (
        "a",
        etag.strip('"'),
        5,
        {"style": "wave"},
    )
    assert info.modified.tzinfo is not None
    assert container.info("nothing") is None


def test_a_file_is_put_whole(container: BlobStore) -> None:
    container.put("film", BytesIO(bytes(range(256)) * 40_000))
    blob = container.get("film")
    assert blob is not None
    assert blob.data == bytes(range(256)) * 40_000


def test_a_file_is_put_from_where_it_stands(container: BlobStore) -> None:
    film = BytesIO(b"head and rest")
    film.seek(9)
    container.put("film", film)
    blob = container.get("film")
    assert blob
    assert blob.data == b"rest"


def test_a_blob_is_read_as_a_file(container: BlobStore) -> None:
    container.put("film", bytes(range(256)) * 40_000)
    info = container.info("film")
    assert info is not None
    film = BlobFile(container, info)
    film.seek(-3, SEEK_END)
    assert film.read() == b"\xfd\xfe\xff"
    film.seek(256 * 30_000 + 7)
    assert film.read(2) == b"\x07\x08"
    assert film.tell() == 256 * 30_000 + 9


def test_a_file_whose_blob_was_replaced_or_removed_says_so(container: BlobStore) -> None:
    container.put("film", b"old")
    info = container.info("film")
    assert info is not None
    container.put("film", b"new")
    with pytest.raises(Conflict):
        BlobFile(container, info).read()
    container.delete("film")
    with pytest.raises(Conflict):
        BlobFile(container, info).read()
