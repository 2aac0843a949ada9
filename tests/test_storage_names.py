"""A name that storage takes is that blob's own name all the way, and any other is refused by every method."""

import re
from collections.abc import Callable
from io import BytesIO
from urllib.parse import unquote, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient
from hypothesis import example, given
from hypothesis import strategies as st
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from shared.errors import InvalidInput
from shared.settings import Settings
from shared.storage import AzureBlobs, BlobStore, MemoryBlobs, MemoryStorage, Storage
from shared.storage.names import check_name
from tests.azurite import Azurite

REFUSED = [
    *(
        "",
        ".",
        "..",
        "../styled/film.mp4",
        "a/../../b",
        "a/./b",
        "./a",
        "a/..",
        "a.",
        "a./b",
        "a/...",
        "/",
        "a/",
        "a//",
    ),
    *("a\\b", "..\\a", "a\nb", "a\rb", "a\tb", "a\x00", "\x1b[2Jx", "a\x7f", "a\x85", "a\u2028b", "a\ufffe", "a\uffff"),
    *("a\U0001ffff", "\ufdd0", "\ud800", "a" * 1025, "\U0001f600" * 513, "/".join("a" * 255)),
]
TAKEN = [
    *("a", "-dash.mp4", "@a", "a b", " a ", "'\"", "100%", "%2e%2e/a", "%2E%2E%2Fa", "#a", "?a", "a+b", "[/nope].mp4"),
    *("😀.mp4", "a//b", "/a", ".hidden", "a/.b", "..a", "$logs", "a:b", "a;$(x)", "~a", "é", "e\u0301", "a" * 1024),
    *("/".join("a" * 254), "con", "a&b=c", "<b>"),
]
OPERATIONS: dict[str, Callable[[BlobStore, str], object]] = {
    "get": lambda store, name: store.get(name),
    "info": lambda store, name: store.info(name),
    "read": lambda store, name: store.read(name, 0, 1, "1"),
    "put": lambda store, name: store.put(name, b""),
    "delete": lambda store, name: store.delete(name),
}


class Wire(BaseAdapter):
    """Where requests end that the HTTP client has made up as it would send them: notes their paths."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def send(self, request: PreparedRequest, *_: object, **__: object) -> Response:
        self.paths.append(unquote(urlsplit(request.url or "").path))
        answer = Response()
        answer.status_code, answer.request, answer.url = 404, request, request.url or ""
        answer.headers.update({"x-ms-error-code": "BlobNotFound"})
        answer.raw = HTTPResponse(BytesIO())
        return answer

    def close(self) -> None:
        return


class Token:
    """An identity's: unlike a key, it signs no path."""

    def get_token(self, *_: object, **__: object) -> AccessToken:
        return AccessToken("token", 2**40)


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="module")
def remote(wire: Wire) -> AzureBlobs:
    """A container behind the real SDK and the real HTTP client, up to the wire."""
    session = Session()
    session.mount("https://", wire)
    transport = RequestsTransport(session=session, session_owner=False)
    client = ContainerClient("https://account.blob.core.windows.net", "videos", Token(), transport=transport)
    return AzureBlobs(client)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_every_method_of_every_store_refuses_such_a_name_and_asks_nothing(
    operation: str, name: str, remote: AzureBlobs, wire: Wire
) -> None:
    asked = len(wire.paths)
    for store in (MemoryBlobs(), remote):
        with pytest.raises(InvalidInput, match="cannot be a blob's name") as refusal:
            OPERATIONS[operation](store, name)
        assert str(refusal.value).isprintable()
    assert len(wire.paths) == asked


@given(st.one_of(st.text(max_size=40), st.text("./%2eE\\a", max_size=12), st.sampled_from(TAKEN)))
@example("a/../../styled/film.mp4")
@example("%2e%2e/%2e%2e/styled/film.mp4")
def test_a_name_that_is_taken_reaches_its_own_blob_and_no_other(remote: AzureBlobs, wire: Wire, name: str) -> None:
    try:
        remote.info(name)
    except InvalidInput:
        return
    assert wire.paths[-1] == f"/videos/{name}"


@pytest.mark.parametrize("name", TAKEN, ids=lambda name: ascii(name)[:20])
def test_odd_names_are_taken(name: str) -> None:
    check_name(name)


def test_odd_names_come_back_as_they_are(azurite: Azurite) -> None:
    store = Storage.from_settings(Settings.from_env(azurite.settings)).data("odd-names")
    for name in TAKEN:
        store.put(name, name.encode())
    assert {info.name for info in store.list()} == set(TAKEN)
    assert all((blob := store.get(name)) and blob.data == name.encode() for name in TAKEN)


@pytest.mark.parametrize("prefix", ["a\\", "\n", "\ud800", "a" * 1025])
def test_no_store_is_asked_for_a_beginning_that_no_name_has(prefix: str, remote: AzureBlobs) -> None:
    for store in (MemoryBlobs(), remote):
        with pytest.raises(InvalidInput):
            store.any(prefix)
        with pytest.raises(InvalidInput):
            next(iter(store.list(prefix)), None)


@pytest.mark.parametrize(
    "metadata", [{"a-b": "1"}, {"1a": "1"}, {"a": "é"}, {"a": "1\n"}, {"a": " 1"}, {"a": "1" * 9000}]
)
def test_metadata_that_headers_cannot_carry_is_refused(metadata: dict[str, str], remote: AzureBlobs) -> None:
    for store in (MemoryBlobs(), remote):
        with pytest.raises(InvalidInput, match="metadata"):
            store.put("a", b"", metadata=metadata)


@pytest.mark.parametrize("name", ["", "ab", "a" * 64, "Videos", "-a-", "a--b", "a.b", "../x", "a/b", "abc\n"])
def test_containers_and_queues_have_names_that_azure_takes(name: str) -> None:
    account = "AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:1/a"
    settings = Settings.from_env({"DataStorage": account, "ControlStorage": account})
    for storage in (MemoryStorage(), Storage.from_settings(settings)):
        for of in (storage.data, storage.control, storage.queue):
            with pytest.raises(InvalidInput, match=re.escape(repr(name))):
                of(name)
