"""What was changed in the FAQ since its training: one blob, which every instance reads and changes under its ETag."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from shared.errors import BundleError, InvalidInput
from shared.faq_matching.entries import Entry
from shared.storage import BlobStore, retry_conflicts

BLOB = "faq/edits.json"


@dataclass(frozen=True, slots=True)
class Edits:
    """Entries put in, in this order, and ids removed; no id is in both.

    unreadable: entries in the blob that are none, with the reason; they stay there until one of their id is put in or
    removed. etag: of the blob, None before the first.
    """

    put: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()
    unreadable: Mapping[bytes, str] = field(default_factory=dict)
    etag: str | None = None

    def entry(self, id: str, trained: Mapping[str, Entry]) -> Entry | None:
        """The entry with this id after these changes of a trained FAQ."""
        if id in self.removed:
            return None
        return next((entry for entry in self.put if entry.id == id), trained.get(id))


class _Stored(msgspec.Struct):
    put: list[msgspec.Raw] = []
    removed: tuple[str, ...] = ()


class _Named(msgspec.Struct):
    id: str


type Check = Callable[[Edits], None]


def unchecked(edits: Edits) -> None:
    """Any change is allowed."""


def read_edits(store: BlobStore) -> Edits:
    """All changes; an entry that is none costs itself only. Raises BundleError where the blob is damaged."""
    blob = store.get(BLOB)
    if blob is None:
        return Edits()
    return replace(_decode(blob.data), etag=blob.etag)


def put_entry(store: BlobStore, entry: Entry, check: Check = unchecked) -> Edits:
    """Add an entry, or replace the one with its id, where `check` raises nothing for the changes so far.

    Raises Overloaded where others always are first, InvalidInput for an entry that could not be read again.
    """
    return _change(
        store, check, lambda edits: Edits((*_others(edits, entry.id), entry), _kept(edits, entry.id)), entry.id
    )


def remove_entry(store: BlobStore, id: str, check: Check = unchecked) -> Edits:
    """Take away the entry with this id; that there is none is fine, unless `check` raises something.

    Raises Overloaded where others always are first.
    """
    return _change(store, check, lambda edits: Edits(_others(edits, id), (*_kept(edits, id), id)), id)


def count(edits: Edits) -> int:
    """How many entries were changed."""
    return len(edits.put) + len(edits.removed) + len(edits.unreadable)


def discard(store: BlobStore) -> None:
    """Forget all changes, whatever they are: the FAQ is as it was trained."""
    store.put(BLOB, _encode(Edits()))


def _change(store: BlobStore, check: Check, change: Callable[[Edits], Edits], id: str) -> Edits:
    def attempt() -> Edits:
        old = read_edits(store)
        check(old)
        new = replace(change(old), unreadable={raw: why for raw, why in old.unreadable.items() if _id(raw) != id})
        data = _encode(new)
        if broken := set(_decode(data).unreadable.values()) - set(new.unreadable.values()):
            raise InvalidInput(f"The entry cannot be kept: {broken.pop()}.", "See /api/docs.")
        return replace(new, etag=store.put(BLOB, data, etag=old.etag, new=old.etag is None))

    return retry_conflicts(attempt, "The FAQ")


def _decode(data: bytes) -> Edits:
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(
            f"{BLOB} cannot be read: {error}.", "`tally train faq FILE --discard-changes` replaces it."
        ) from error
    put, unreadable = [], {}
    for raw in stored.put:
        try:
            put.append(msgspec.json.decode(raw, type=Entry))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            unreadable[bytes(raw)] = f"the changed entry {_id(raw)!r} is not read: {error}"
    return Edits(tuple(put), stored.removed, unreadable)


def _encode(edits: Edits) -> bytes:
    put = [*map(msgspec.json.encode, edits.put), *edits.unreadable]
    return msgspec.json.encode(_Stored([msgspec.Raw(entry) for entry in put], edits.removed))


def _id(raw: bytes | msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _others(edits: Edits, id: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in edits.put if entry.id != id)


def _kept(edits: Edits, id: str) -> tuple[str, ...]:
    return tuple(removed for removed in edits.removed if removed != id)
