"""Changes over HTTP: kept whole, whoever makes them at the same time."""

import pytest

from shared.errors import BundleError, InvalidInput, Transient
from shared.faq_matching.edits import BLOB, count, discard, put_entry, read_edits, remove_entry
from shared.faq_matching.entries import Entry
from shared.storage import MemoryBlobs

A, B = (Entry(id=id, question=f"What is {id}?", answer="") for id in "ab")


class Contended(MemoryBlobs):
    """Somebody else changes the blob before the first so many writes of ours."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times, self.number = times, 0

    def put(self, name, data, **conditions):  # type: ignore[no-untyped-def]
        if self.number < self.times:
            self.number += 1
            other = MemoryBlobs(self.blobs, self._etags)
            put_entry(other, Entry(id=f"other-{self.number}", question="Who was first?", answer=""))
        return super().put(name, data, **conditions)


def test_before_the_first_change_there_is_none():
    assert count(read_edits(MemoryBlobs())) == 0


def test_what_is_put_in_twice_or_removed_counts_once():
    store = MemoryBlobs()
    put_entry(store, A)
    put_entry(store, B)
    put_entry(store, Entry(id="a", question="Another?", answer=""))
    remove_entry(store, "b")
    remove_entry(store, "b")
    edits = read_edits(store)
    assert [(entry.id, entry.question) for entry in edits.put] == [("a", "Another?")]
    assert edits.removed == ("b",)
    put_entry(store, B)
    assert read_edits(store).removed == ()


def test_a_change_has_the_etag_of_its_blob():
    store = MemoryBlobs()
    assert put_entry(store, A).etag == read_edits(store).etag == store.get(BLOB).etag


def test_two_at_once_both_stay():
    store = Contended(times=3)
    put_entry(store, A)
    assert {entry.id for entry in read_edits(store).put} == {"a", "other-1", "other-2", "other-3"}


def test_who_is_always_second_hears_so():
    with pytest.raises(Transient, match="many at once"):
        put_entry(Contended(times=100), A)


def test_all_can_be_forgotten():
    store = MemoryBlobs()
    put_entry(store, A)
    discard(store)
    assert count(read_edits(store)) == 0


@pytest.mark.parametrize("text", [b"", b"{", b"[]"])
def test_a_damaged_blob_is_said_and_can_be_discarded(text):
    store = MemoryBlobs()
    store.put(BLOB, text)
    with pytest.raises(BundleError, match="cannot be read"):
        read_edits(store)
    discard(store)
    assert count(read_edits(store)) == 0


def test_an_entry_that_is_none_costs_itself_only_until_its_id_is_changed():
    store = MemoryBlobs()
    store.put(
        BLOB, b'{"put":[{"id":"p","question":"Why?","answer":"","also":[""]},{"id":"q","question":"Who?","answer":""}]}'
    )
    edits = put_entry(store, A)
    assert [entry.id for entry in read_edits(store).put] == ["q", "a"]
    assert list(read_edits(store).unreadable.values()) == list(edits.unreadable.values())
    assert "'p' is not read" in next(iter(edits.unreadable.values()))
    remove_entry(store, "p")
    assert read_edits(store).unreadable == {}


def test_an_entry_that_could_not_be_read_again_is_not_written():
    store = MemoryBlobs()
    with pytest.raises(InvalidInput, match="cannot be kept"):
        put_entry(store, Entry(id="p", question="Why?", answer="", also=("",)))
    assert store.get(BLOB) is None
