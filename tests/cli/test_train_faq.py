"""`tally train faq`: from a file to a bundle that answers."""

import json

import pytest
import typer
from typer.testing import CliRunner

from cli import train, train_faq
from shared.errors import InvalidInput
from shared.faq_matching import bundle
from shared.faq_matching.edits import BLOB, count, put_entry, read_edits
from shared.faq_matching.entries import Entry
from shared.storage import MemoryStorage

WORDS = ("tulips", "trams", "glaciers", "prices", "opening hours", "parking")
FAQ = [
    {"id": word, "question": f"What about {word}?", "answer": word, "also": [f"Tell me of {word}", f"Any {word} here?"]}
    for word in WORDS
]


@pytest.fixture
def storage(monkeypatch):
    memory = MemoryStorage()
    monkeypatch.setattr(train_faq, "storage", lambda: memory)
    return memory


@pytest.fixture
def tally(storage, tmp_path):
    """The command on a file with these entries."""

    def run(entries, *arguments: str) -> str:
        path = tmp_path / "faq.json"
        path.write_text(json.dumps(entries))
        app = typer.Typer()
        train.register(app)
        result = CliRunner().invoke(app, ["train", "faq", str(path), *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_the_faq_of_a_file_becomes_the_one_that_answers(tally, storage):
    output = tally(FAQ)
    found = bundle.read(storage.control("bundles"))
    assert f"Bundle {found.version} is current: 6 entries" in output
    assert found.matcher.match(["where is parking"], 1)[0][0].id == "parking"
    assert found.manifest.metrics["questions"] == 12
    assert found.matcher.threshold <= 0.5


def test_a_faq_whose_answers_would_often_be_wrong_comes_with_advice(tally):
    alike = [{"id": str(n), "question": f"Is it {n}?", "answer": "", "also": ["Or what is it?"]} for n in range(4)]
    assert "wrong answers are many" in tally(alike)
    assert "wrong answers are many" not in tally(FAQ)


def test_what_was_measured_is_shown(tally):
    output = tally(FAQ)
    assert "12 rephrasings, each held out once" in output
    for line in ("is first", "first three", "reciprocal rank", "calibration error", "are wrong", "are refused"):
        assert line in output


def test_the_same_file_gives_the_same_version(tally, storage):
    tally(FAQ)
    first = bundle.read(storage.control("bundles")).version
    tally(FAQ)
    assert bundle.registry(storage.control("bundles")).versions() == [first]


def test_a_bundle_can_go_into_a_folder_in_place_of_storage(tally, storage, tmp_path):
    output = tally(FAQ, "--out", str(tmp_path / "out"))
    assert bundle.read_folder(tmp_path / "out").version in output
    assert list(storage.control("bundles").list()) == []


def test_without_rephrasings_it_is_said_that_nothing_was_measured(tally, storage):
    output = tally([{"question": "Why?", "answer": "So."}])
    assert "No entry has other phrasings" in output
    assert bundle.read(storage.control("bundles")).manifest.metrics == {}


def test_changes_made_over_http_stay_unless_they_are_discarded(tally, storage):
    store = storage.control("bundles")
    put_entry(store, Entry(id="new", question="New?", answer=""))
    assert "1 changes made over HTTP stay in force" in tally(FAQ).replace("\n", " ")
    assert read_edits(store).put
    tally(FAQ, "--discard-changes")
    assert not read_edits(store).put


def test_changes_that_cannot_be_read_can_be_discarded(tally, storage):
    store = storage.control("bundles")
    store.put(BLOB, b"{")
    tally(FAQ, "--discard-changes")
    assert count(read_edits(store)) == 0


def test_a_faq_that_could_not_be_read_again_is_not_published(tally, storage):
    rows = [{"id": "a", "question": f"Question {number}?", "answer": ""} for number in range(202)]
    with pytest.raises(InvalidInput, match="cannot be kept"):
        tally(rows)
    assert list(storage.control("bundles").list()) == []


def test_a_risk_sets_the_threshold(tally, storage):
    tally(FAQ, "--risk", "0")
    strict = bundle.read(storage.control("bundles")).matcher.threshold
    tally(FAQ, "--risk", "1")
    assert bundle.read(storage.control("bundles")).matcher.threshold < strict


def test_a_file_that_is_no_faq_is_refused(tally):
    with pytest.raises(InvalidInput, match="no entries"):
        tally([])
