"""What was changed in the FAQ since its training: one blob, which every instance reads and changes under its ETag."""

from collections.abc import Callable

import msgspec

from shared.errors import BundleError, Conflict, Transient
from shared.models.faq.entries import Entry
from shared.storage import BlobStore

BLOB = "faq/edits.json"
_TRIES = 8


class Edits(msgspec.Struct, frozen=True, kw_only=True):
    """Entries put in, in this order, and ids removed; no id is in both. etag: of the blob, None before the first."""

    put: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()
    etag: str | None = None


def read_edits(store: BlobStore) -> Edits:
    """All changes. Raises BundleError where the blob is damaged."""
    blob = store.get(BLOB)
    if blob is None:
        return Edits()
    try:
        edits = msgspec.json.decode(blob.data, type=Edits)
    except msgspec.DecodeError as error:
        raise BundleError(f"{BLOB} cannot be read: {error}.", "Remove it: its changes are lost.") from error
    return msgspec.structs.replace(edits, etag=blob.etag)


def put_entry(store: BlobStore, entry: Entry) -> Edits:
    """Add an entry, or replace the one with its id. Raises Transient where others always are first."""
    return _change(store, lambda edits: Edits(put=(*_others(edits, entry.id), entry), removed=_kept(edits, entry.id)))


def remove_entry(store: BlobStore, id: str) -> Edits:
    """Take away the entry with this id; that there is none is fine. Raises Transient where others always are first."""
    return _change(store, lambda edits: Edits(put=_others(edits, id), removed=(*_kept(edits, id), id)))


def count(edits: Edits) -> int:
    """How many entries were changed."""
    return len(edits.put) + len(edits.removed)


def discard(store: BlobStore) -> None:
    """Forget all changes: the FAQ is as it was trained."""
    _change(store, lambda edits: Edits())


def _change(store: BlobStore, change: Callable[[Edits], Edits]) -> Edits:
    for _ in range(_TRIES):
        old = read_edits(store)
        new = change(old)
        try:
            etag = store.put(BLOB, msgspec.json.encode(new), etag=old.etag, new=old.etag is None)
        except Conflict:
            continue
        return msgspec.structs.replace(new, etag=etag)
    raise Transient("The FAQ is being changed by many at once.", "Send it again in a second.")


def _others(edits: Edits, id: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in edits.put if entry.id != id)


def _kept(edits: Edits, id: str) -> tuple[str, ...]:
    return tuple(removed for removed in edits.removed if removed != id)
