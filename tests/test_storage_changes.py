"""Whoever changes a blob that others change too loses no update, and ends where the others never rest."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

import pytest

from scoring_images.style_transfer.publish import Publisher
from shared.compute import Task
from shared.compute.azure_ml.notes import Notes
from shared.errors import InvalidInput, Overloaded
from shared.faq_matching.edits import put_entry, read_edits
from shared.faq_matching.entries import Entry
from shared.runs import record
from shared.runs.record import Run
from shared.runs.store import RunStore
from shared.settings import Settings
from shared.storage import BlobStore, MemoryBlobs, Storage, changes, retry_conflicts
from tests.azurite import Azurite

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
WRITERS, TURNS = 6, 4


@pytest.fixture(params=["memory", "azurite"])
def container(request: pytest.FixtureRequest) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobs()
    azurite: Azurite = request.getfixturevalue("azurite")
    name = "w" + "".join(filter(str.isalnum, request.node.name.lower()))[:50]
    return Storage.from_settings(Settings.from_env(azurite.settings)).data(name)


def race(write: Callable[[int], object]) -> None:
    """Have every writer write its turns, all at once; raises what one of them raised."""
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS * TURNS)))


def test_of_racing_writers_none_loses_an_update(container: BlobStore) -> None:
    def count() -> None:
        blob = container.get("count")
        text = str(int(blob.data) + 1 if blob else 1)
        container.put("count", text.encode(), etag=blob.etag if blob else None, new=blob is None)

    race(lambda _: retry_conflicts(count, "The count"))
    blob = container.get("count")
    assert blob
    assert int(blob.data) == WRITERS * TURNS


def test_of_racing_edits_of_the_faq_none_is_lost(container: BlobStore) -> None:
    race(lambda number: put_entry(container, Entry(id=f"e-{number}", question=f"What is {number}?", answer="")))
    assert {entry.id for entry in read_edits(container).put} == {f"e-{number}" for number in range(WRITERS * TURNS)}


def test_of_racing_attempts_at_a_run_the_newest_counts(container: BlobStore) -> None:
    race(lambda attempt: Notes(container, "r").take(attempt, [Task("a", "anomaly", ("python",))]))
    order, _ = Notes(container, "r").order()
    assert order
    assert order.attempt == WRITERS * TURNS - 1


class NeverAtRest(MemoryBlobs):
    """A container whose every blob somebody else writes just before we do."""

    def put(self, name, data, **conditions):  # type: ignore[no-untyped-def]
        if name in self.blobs:
            super().put(name, self.blobs[name][0], metadata=self.blobs[name][1].metadata)
        return super().put(name, data, **conditions)


def cancel(store: BlobStore) -> object:
    runs = RunStore(store)
    runs.create(Run(id="r", workload="anomaly", params={}, created=NOW, updated=NOW))
    return runs.change("r", lambda run: record.request_cancel(run, NOW))


def edit(store: BlobStore) -> object:
    store.put("faq/edits.json", b"{}")
    return put_entry(store, Entry(id="a", question="What is a?", answer=""))


def publish(store: BlobStore) -> object:
    store.put("a.mp4", b"styled")
    return Publisher(store, MemoryBlobs(), "a.mp4", "1", "r", NOW).put("a.mp4", b"styled anew")


def submit(store: BlobStore) -> object:
    submitted = partial(Notes(store, "r").take, tasks=[Task("a", "anomaly", ("python",))])
    submitted(1)
    return submitted(2)


@pytest.mark.parametrize("write", [cancel, edit, publish, submit], ids=lambda write: write.__name__)
def test_a_race_without_end_ends_for_us(write: Callable[[BlobStore], object], monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(changes.time, "sleep", pauses.append)
    with pytest.raises(Overloaded, match="changed by others again and again"):
        write(NeverAtRest())
    assert len(pauses) == changes.TRIES - 1
    assert max(pauses) <= changes.LONGEST_PAUSE


def test_what_the_change_itself_refuses_is_not_tried_again() -> None:
    def refuse() -> None:
        tried.append(1)
        raise InvalidInput("The entry cannot be kept.")

    tried: list[int] = []
    with pytest.raises(InvalidInput):
        retry_conflicts(refuse, "The FAQ")
    assert tried == [1]
