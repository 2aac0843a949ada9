"""Event Grid's word on new blobs is understood in both schemas, plain or in base64, and nothing else is."""

import base64
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInput
from shared.uploads import Upload, read_uploads

SUBJECT = "/blobServices/default/containers/videos/blobs/a b/ü;$(x).mp4"
EVENT_GRID = {
    "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
    "subject": SUBJECT,
    "eventType": "Microsoft.Storage.BlobCreated",
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "eventTime": "2026-01-31T10:00:00Z",
    "data": {"api": "PutBlockList", "eTag": "0x8D4BCC2E4835CD0", "contentLength": 524288, "url": "https://x/y"},
    "dataVersion": "",
    "metadataVersion": "1",
}
CLOUD_EVENT = {
    "source": EVENT_GRID["topic"],
    "subject": SUBJECT,
    "type": "Microsoft.Storage.BlobCreated",
    "time": "2026-01-31T10:00:00Z",
    "id": EVENT_GRID["id"],
    "data": EVENT_GRID["data"],
    "specversion": "1.0",
}
UPLOAD = Upload("videos", "a b/ü;$(x).mp4", "0x8D4BCC2E4835CD0")


@pytest.mark.parametrize("event", [EVENT_GRID, CLOUD_EVENT])
@pytest.mark.parametrize("encode", [bytes, base64.b64encode])
@pytest.mark.parametrize("several", [True, False])
def test_both_schemas_are_read_plain_and_in_base64(event: dict[str, object], encode: object, several: bool) -> None:
    message = json.dumps([event, event] if several else event).encode()
    assert read_uploads(encode(message)) == [UPLOAD] * (2 if several else 1)  # type: ignore[operator]


def test_other_events_are_left_out() -> None:
    assert read_uploads(json.dumps(EVENT_GRID | {"eventType": "Microsoft.Storage.BlobDeleted"}).encode()) == []


CASES = Path(__file__).parents[2] / "shared" / "data" / "cases" / "video" / "events"


@pytest.mark.parametrize("api", ["CreateFile", "SftpCreate", "FlushWithClose", "SftpCommit", "PutBlob", "CopyBlob", ""])
@pytest.mark.parametrize("event", [EVENT_GRID, CLOUD_EVENT])
def test_a_file_that_was_only_begun_is_no_upload(event: dict[str, object], api: str) -> None:
    begun = api in ("CreateFile", "SftpCreate")
    message = json.dumps(event | {"data": {"api": api, "eTag": UPLOAD.etag, "contentLength": 0 if begun else 7}})
    assert read_uploads(message.encode()) == ([] if begun else [UPLOAD])


def test_a_person_may_upload_an_empty_file() -> None:
    message = json.dumps(EVENT_GRID | {"data": {"api": "PutBlob", "eTag": UPLOAD.etag, "contentLength": 0}})
    assert read_uploads(message.encode()) == [UPLOAD]


@pytest.mark.skipif(not CASES.exists(), reason="the example events (../shared) are not here")
def test_events_of_lake_and_sftp_accounts_count_once_the_file_is_whole() -> None:
    counted = {path.stem: len(read_uploads(path.read_bytes())) for path in CASES.glob("*.json")}
    assert counted == {"created": 0, "sftp-create": 0, "flushed": 1, "put-block-list": 1, "sftp-commit": 1}


@pytest.mark.parametrize(
    "message",
    [b"", b"hello", b"{}", b"[1]", b"\xff\xfe", b"e30=", b'{"subject": 1}', b"[" * 100_000]
    + [json.dumps(EVENT_GRID | {"subject": subject}).encode() for subject in ("", "/x", SUBJECT[:40])],
)
def test_what_is_no_event_is_refused_with_a_reason(message: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_uploads(message)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(message: bytes) -> None:
    with suppress(InvalidInput):
        read_uploads(message)
