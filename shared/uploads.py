"""Reads what Event Grid says of new blobs, in either of its schemas."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.errors import InvalidInput

CREATED = "Microsoft.Storage.BlobCreated"
_PREFIX = "/blobServices/default/containers/"
_BEGUN = frozenset({"CreateFile", "SftpCreate"})
"""What begins a file of a hierarchical account, or one sent by SFTP; another event follows when it is whole."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A version of a blob that was written."""

    container: str
    name: str
    etag: str


class _Data(msgspec.Struct, frozen=True):
    etag: str = msgspec.field(name="eTag", default="")
    api: str = ""
    size: Any = msgspec.field(name="contentLength", default=0)


class _Event(msgspec.Struct, frozen=True):
    """What both schemas share, and the two names of the type: `eventType` (Event Grid), `type` (CloudEvents 1.0)."""

    subject: str
    data: _Data
    event_type: str = msgspec.field(name="eventType", default="")
    type: str = ""


def read_uploads(message: bytes) -> list[Upload]:
    """The uploads that a queue message tells of, JSON or JSON in base64, one event or several.

    Events of other types are left out, and those of files that were only begun. Raises InvalidInput where it is not an
    event at all.
    https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
    """
    events = _decode(message)
    return [_upload(event) for event in events if _is_whole(event)]


def _is_whole(event: _Event) -> bool:
    begun = event.data.api in _BEGUN and not event.data.size
    return CREATED in (event.event_type, event.type) and not begun


def _decode(message: bytes) -> list[_Event]:
    text = message.strip()
    try:
        if not text.startswith((b"{", b"[")):
            text = base64.b64decode(text, validate=True).strip()
        if text.startswith(b"["):
            return msgspec.json.decode(text, type=list[_Event])
        return [msgspec.json.decode(text, type=_Event)]
    except (msgspec.DecodeError, binascii.Error, RecursionError, UnicodeDecodeError) as error:
        raise InvalidInput(f"Not an event of Event Grid: {error}.") from error


def _upload(event: _Event) -> Upload:
    container, found, name = event.subject.removeprefix(_PREFIX).partition("/blobs/")
    if not event.subject.startswith(_PREFIX) or not found or not name:
        raise InvalidInput(f"The event's subject {event.subject!r} names no blob.")
    return Upload(container, name, event.data.etag)
