"""Bundles of FAQs: what is written is read again; what is damaged is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BundleError
from shared.faq_matching import bundle
from shared.faq_matching.entries import Entry
from shared.faq_matching.matcher import Matcher
from shared.faq_matching.training import PRIOR, train
from shared.storage import MemoryBlobs

ENTRIES = [
    Entry(id=f"{number}", question=f"What about {word}?", answer=f"It is {word}.", also=(f"Tell me of {word}", word))
    for number, word in enumerate(("tulips", "trams", "glaciers", "prices", "opening hours"))
]
MATCHER = train(ENTRIES)
BYTES = bundle.to_bytes(MATCHER)
ASKED = ["tell me the opening hours", "prices?", "glacier", "nothing at all"]


def test_what_is_published_is_read_and_answers_the_same():
    store = MemoryBlobs()
    version = bundle.publish(store, MATCHER, {"questions": 10})
    found = bundle.read(store)
    assert (found.version, found.manifest.entries, found.manifest.rephrasings) == (version, 5, 10)
    assert found.manifest.metrics == {"questions": 10}
    assert found.matcher.entries == MATCHER.entries
    for ours, theirs in zip(found.matcher.match(ASKED, 3), MATCHER.match(ASKED, 3), strict=True):
        assert [match.id for match in ours] == [match.id for match in theirs]
        assert np.allclose([m.probability for m in ours], [m.probability for m in theirs], atol=1e-6)


def test_the_same_entries_give_the_same_version(tmp_path):
    one = bundle.write_folder(tmp_path / "one", train(ENTRIES), {})
    assert one == bundle.write_folder(tmp_path / "two", train(ENTRIES), {})
    assert bundle.read_folder(tmp_path / "one").version == one


def test_changes_are_no_part_of_a_bundle():
    assert bundle.to_bytes(MATCHER.changed(removed=["1"])) == BYTES


def test_without_a_current_bundle_the_faq_that_ships_answers():
    assert bundle.read(MemoryBlobs()).version == bundle.read(None).version == bundle.read_folder(bundle.DEFAULT).version


def test_entries_known_in_one_phrasing_only_make_a_bundle_too():
    plain = Matcher.of(PRIOR, [Entry(id="a", question="Why?", answer="So.")])
    assert bundle.from_bytes(bundle.to_bytes(plain), PRIOR).match(["why"], 1)[0][0].id == "a"


def test_a_folder_without_a_bundle_is_said(tmp_path):
    with pytest.raises(BundleError, match="There is no"):
        bundle.read_folder(tmp_path)


@given(st.integers(0, len(BYTES) - 1), st.binary(min_size=1, max_size=9))
def test_damaged_bytes_are_refused_or_harmless(place, new):
    damaged = BYTES[:place] + new + BYTES[place + len(new) :]
    try:
        matcher = bundle.from_bytes(damaged, PRIOR)
    except BundleError:
        return
    assert len(matcher.match(ASKED, 3)) == len(ASKED)


@pytest.mark.parametrize("length", [0, 7, 8, 100, len(BYTES) - 1])
def test_cut_off_bytes_are_refused(length):
    with pytest.raises(BundleError, match="no file of a FAQ"):
        bundle.from_bytes(BYTES[:length], PRIOR)
