"""What the real service was seen to answer, through the SDK, becomes what our ports promise; and here as there."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from shared.errors import Conflict, InvalidInput, SettingsError, TooLarge, Transient
from shared.settings import Settings
from shared.storage import AzureBlobs, AzureQueue, BlobStore, MemoryBlobs, Storage
from tests.azurite import Azurite
from tests.replay import Answer, Request, replaying

FILE = Path(__file__).parents[2] / "shared" / "data" / "azure-storage" / "answers.jsonl"
RECORD: dict[str, dict[str, Any]] = (
    {each["id"]: each for each in map(json.loads, FILE.read_text().splitlines())} if FILE.exists() else {}
)
NOT_CLAIMED = {
    # What the ports do not do: leases, uncommitted blobs, deleting containers and queues, changing metadata or tiers.
    *("put-new-leased-with-lease-id", "delete-container", "list-uncommitted", "queue-delete-queue"),
    *("etag-set-metadata", "etag-lease", "etag-snapshot", "etag-tier", "etag-put-block"),
    # Hierarchical accounts by their own address; what the blob address says of them was not seen.
    *("list-hierarchical-dfs", "etag-flush", "etag-rename"),
    # The host's part, which receives: tests/devhost/test_queue.py.
    *("queue-send-for-ever", "queue-send-long-ttl", "queue-white-space", "queue-receive", "queue-receive-none"),
    *("queue-update-visibility", "queue-update-sent-unreceived", "queue-delete", "queue-delete-by-send-receipt"),
    *("queue-delete-absent", "queue-delete-malformed-receipt"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """An operation of a port, what comes of it, and the recorded answers it gets, in order."""

    act: Callable[[Any], object]
    outcome: object
    answers: tuple[str, ...]
    given: Callable[[BlobStore], object] | None = None  # makes Azurite and the memory what the record had; None: cannot


def put(**condition: Any) -> Callable[[BlobStore], object]:
    return lambda store: store.put("blob1", b"hello world", **condition)


def listed(prefix: str = "") -> Callable[[BlobStore], list[str]]:
    return lambda store: [info.name for info in store.list(prefix)]


def content(store: BlobStore) -> bytes:
    blob = store.get("blob1")
    assert blob
    return blob.data


def exists(store: BlobStore) -> object:
    return store.put("blob1", b"before")


def nothing(store: BlobStore) -> None:
    store.put("other", b"")


GONE = "get-container-40s-after-delete"
ETAG, STALE = '"0x8D874B49FF3D33F"', "0x111111111111111"
PAGES = [f"blockblob/{name}" for name in ("0176911746424901011", "1176911746431903275", "2176911746439004355")]
CASES = {
    "put-new": Case(put(new=True), ETAG, ("put-new",), nothing),
    "put-new-over-existing": Case(put(new=True), Conflict, ("put-new-over-existing",), exists),
    "put-etag": Case(put(etag=ETAG), '"0x8D874B4A01AEA5F"', ("put-etag",)),
    "put-etag-changed": Case(put(etag=STALE), Conflict, ("put-etag-changed",), exists),
    "get-etag-changed": Case(lambda store: store.read("blob1", 0, 9, STALE), Conflict, ("get-etag-changed",), exists),
    "put-lapsed-lease": Case(put(new=True), Transient, ("put-lapsed-lease",)),
    "head-other-lease": Case(lambda store: store.info("blob1"), Transient, ("head-other-lease",)),
    "block-list-unknown-id": Case(put(), Transient, ("put-block", "put-block", "block-list-unknown-id")),
    "block-list-new-over-existing": Case(
        put(new=True), Conflict, ("put-block", "put-block", "block-list-new-over-existing"), exists
    ),
    "block-list-etag-changed": Case(
        put(etag=STALE), Conflict, ("put-block", "put-block", "block-list-etag-changed"), exists
    ),
    "block-list-none-match-own": Case(put(), Conflict, ("put-block", "put-block", "block-list-none-match-own")),
    "get-absent": Case(lambda store: store.get("blob1"), None, ("get-absent",), nothing),
    "delete-absent": Case(lambda store: store.delete("blob1"), None, ("delete-absent",), nothing),
    "head-absent-container": Case(
        lambda store: store.info("blob1"), None, ("head-absent-container",), lambda store: None
    ),
    GONE: Case(listed(), [], (GONE,), lambda store: None),
    "create-container-again": Case(put(), ETAG, (GONE, "create-container-again", "put-new")),
    "get-empty-by-range": Case(
        content, b"", ("get-empty-by-range", "EMPTY"), lambda store: store.put("blob1", b"")
    ),
    "get-range-past-end": Case(
        lambda store: store.read("blob1", 1, 32768, store.info("blob1").etag),
        bytes(1023),
        ("HEAD", "get-range-past-end"),
        lambda store: store.put("blob1", bytes(1024)),
    ),
    "get-whole-by-range": Case(
        content, b"hello world", ("get-whole-by-range",), lambda store: put()(store)
    ),
    "list-page": Case(
        listed("blockblob"),
        [*PAGES, "blockblob/3176911746446008401"],
        ("list-page", "list-next-page"),
    ),
    "list-encoded-name": Case(listed(), ["dir1/dir2/file\uffff.blob"], ("list-encoded-name",)),
    "list-backslash": Case(
        listed("[]/:"), ["[]/:x"], ("list-backslash",), lambda store: store.put("[]/:x", b"x")
    ),
    "version-unknown": Case(listed(), SettingsError, ("version-unknown",)),
}  # fmt: skip


def recorded(name: str) -> Answer:
    """An answer as it was recorded, or one of the few that the record takes for granted."""
    if name == "EMPTY":
        return Answer(200, {"etag": ETAG, "content-type": "application/octet-stream"})
    if name == "HEAD":
        said = {"etag": ETAG, "last-modified": "Tue, 20 Oct 2020 04:57:19 GMT", "x-ms-blob-type": "BlockBlob"}
        return Answer(200, said | {"content-length": "1024"})
    answer = RECORD[name]["answer"]
    headers = {"content-type": "application/xml"} | answer["headers"]
    if answer["code"] and "body only" not in answer["code"]:
        headers["x-ms-error-code"] = answer["code"]
    return Answer(answer["status"], headers, body_of(answer))


def body_of(answer: dict[str, Any]) -> bytes:
    text = answer.get("body")
    return text.encode() if text else bytes(int(answer["headers"].get("content-length", 0)))


def outcome(act: Callable[[Any], object], on: object) -> object:
    """What came of it: the value, or the kind of the error."""
    try:
        return act(on)
    except (Conflict, InvalidInput, Transient) as error:
        return type(error)


OTHERWISE_ASKED = {"block-list-none-match-own", "put-lapsed-lease", "version-unknown", GONE}
"""What our ports never ask so: only what they make of such an answer is looked at."""


def check_asked(asked: Request, name: str) -> None:
    """We asked what the record's client asked, as far as it matters."""
    wanted = RECORD[name]["request"]
    assert asked.method == wanted["method"]
    assert asked.query.get("comp") == wanted["query"].get("comp")
    for header in ("If-Match", "If-None-Match"):
        given = wanted["headers"].get(header)
        assert given is None or asked.headers[header.lower()] == given


needs_record = pytest.mark.skipif(not RECORD, reason="the recorded answers (../shared) are not here")


@needs_record
def test_all_of_the_record_is_claimed_or_left_out_on_purpose() -> None:
    claimed = {*CASES, *QUEUE_CASES, *(name for case in CASES.values() for name in case.answers)} - {"EMPTY", "HEAD"}
    assert claimed | NOT_CLAIMED == set(RECORD)
    assert not claimed & NOT_CLAIMED


@needs_record
@pytest.mark.parametrize("name", CASES)
def test_a_recorded_answer_means_what_the_port_promises(name: str) -> None:
    case = CASES[name]
    with replaying([recorded(answer) for answer in case.answers]) as service:
        single = {"max_single_put_size": 1, "max_block_size": 6} if "put-block" in case.answers else {}
        client = ContainerClient.from_connection_string(service.connection, "c", retry_total=0, **single)
        with client:
            assert outcome(case.act, AzureBlobs(client)) == case.outcome
    assert len(service.requests) == len(case.answers)
    if name not in OTHERWISE_ASKED:
        check_asked(service.requests[case.answers.index(name)], name)


@needs_record
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.given])
@pytest.mark.parametrize("kind", ["memory", "azurite"])
def test_azurite_and_the_memory_come_to_the_same(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    case, store = CASES[name], MemoryBlobs()
    if kind == "azurite":
        azurite: Azurite = request.getfixturevalue("azurite")
        store = Storage.from_settings(Settings.from_env(azurite.settings)).data(f"record-{name}")
    assert case.given
    case.given(store)
    found = outcome(case.act, store)
    assert type(found) is str if case.outcome == ETAG else found == case.outcome


def send(text: str = "message1", delay: float = 0) -> Callable[[AzureQueue], object]:
    return lambda queue: queue.send(text, delay)


QUEUE_CASES = {
    "queue-send": Case(send(), None, ("queue-send",)),
    "queue-send-hidden": Case(send("Hello World", 19), None, ("queue-send",)),
    "queue-absent": Case(send(), None, ("queue-absent", "queue-create", "queue-send")),
    "queue-create": Case(send(), None, ("queue-absent", "queue-create", "queue-send")),
    "queue-create-again": Case(send(), None, ("queue-absent", "queue-create-again", "queue-send")),
    "queue-create-other-metadata": Case(send(), None, ("queue-absent", "queue-create-other-metadata", "queue-send")),
    "queue-send-too-large": Case(send("a" * 65_537), TooLarge, ("queue-send-too-large",)),
    "queue-send-invalid-xml": Case(send("\x01"), InvalidInput, ("queue-send-invalid-xml",)),
}


@needs_record
@pytest.mark.parametrize("name", QUEUE_CASES)
def test_a_recorded_answer_of_a_queue_means_what_the_port_promises(name: str) -> None:
    case = QUEUE_CASES[name]
    with (
        replaying([recorded(answer) for answer in case.answers]) as service,
        QueueClient.from_connection_string(service.connection, "q", retry_total=0) as client,
    ):
        assert outcome(case.act, AzureQueue(client)) == case.outcome
    assert [(asked.method, asked.path) for asked in service.requests] == [
        ("PUT", "/q") if "create" in answer else ("POST", "/q/messages") for answer in case.answers
    ]
