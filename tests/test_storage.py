"""The ports to storage behave alike, in memory and on a real account."""

import socket
from io import SEEK_END, BytesIO

import pytest
from azure.storage.blob import ContainerClient

from shared.errors import Conflict, SettingsError, Transient
from shared.settings import Settings
from shared.storage import AzureBlobs, BlobFile, BlobStore, MemoryBlobs, Storage
from tests.azurite import Azurite


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
    with pytest.raises(Transient, match="cannot be reached"):
        AzureBlobs(client).get("x")


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
