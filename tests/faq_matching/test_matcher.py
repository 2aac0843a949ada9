"""Questions find their entries; entries come, change and go without training."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.faq_matching.entries import Entry
from shared.faq_matching.matcher import Matcher
from shared.faq_matching.training import PRIOR

ENTRIES = (
    Entry(id="delete", question="How do I delete my account?", answer="Press delete in the settings."),
    Entry(id="refund", question="Can I have my money back?", answer="Within 30 days.", also=("How do refunds work?",)),
    Entry(
        id="ship",
        question="When does my parcel arrive?",
        answer="Within a week.",
        also=("Where is my order?", "How long does shipping take?"),
    ),
    Entry(id="hours", question="When are you open?", answer="From nine to five, not on Sundays."),
)
MATCHER = Matcher.of(PRIOR, ENTRIES)


def first(matcher: Matcher, question: str) -> str | None:
    (matches,) = matcher.match([question], 3)
    return matches[0].id if matches else None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_each_phrasing_finds_its_entry(entry):
    assert {first(MATCHER, text) for text in entry.texts} == {entry.id}


def test_an_answer_is_searched_too():
    assert first(MATCHER, "sundays") == "hours"


def test_matches_are_the_most_probable_first_and_no_more_than_asked_for():
    (matches,) = MATCHER.match(["when does my money arrive, and my account?"], 2)
    assert len(matches) == 2
    assert 1 > matches[0].probability >= matches[1].probability > 0


def test_a_batch_gives_what_single_questions_give():
    asked = ["delete it", "money back", "", "when?"]
    assert MATCHER.match(asked, 3) == [MATCHER.match([question], 3)[0] for question in asked]


def test_a_new_entry_is_found_by_each_of_its_phrasings_and_by_words_that_were_unknown():
    new = Entry(id="vat", question="Do prices include VAT?", answer="Yes.", also=("Is Mehrwertsteuer included?",))
    changed = MATCHER.changed(put=[new])
    assert [first(changed, text) for text in (*new.texts, "Mehrwertsteuer")] == ["vat"] * 3
    assert MATCHER.match(["Mehrwertsteuer"], 1)[0][0].probability < PRIOR.threshold
    assert changed.entries["vat"] == new


def test_an_entry_put_in_again_takes_the_place_of_the_old_one():
    changed = MATCHER.changed(put=[Entry(id="hours", question="What is your phone number?", answer="0123")])
    assert first(changed, "phone number") == "hours"
    assert first(changed, "sundays") != "hours"
    assert len(changed.entries) == len(ENTRIES)


def test_a_removed_entry_is_not_found_and_can_come_back():
    removed = MATCHER.changed(removed=["ship", "never-there"])
    assert first(removed, "Where is my order?") != "ship"
    assert "ship" not in removed.entries
    again = removed.changed(put=[ENTRIES[2]])
    assert first(again, "Where is my order?") == "ship"


def test_what_changes_one_by_one_is_what_changes_at_once():
    new = [
        Entry(id=f"n{number}", question=f"Question about {word}", answer=word, also=(f"Tell me of {word}",))
        for number, word in enumerate(("tulips", "trams", "glaciers"))
    ]
    one_by_one = MATCHER
    for entry in new:
        one_by_one = one_by_one.changed(put=[entry])
    one_by_one = one_by_one.changed(removed=["n1"])
    at_once = MATCHER.changed(put=[new[0], new[2]])
    assert one_by_one.entries == at_once.entries
    for text in ("about tulips", "glaciers please", "trams", "money"):
        assert [match.id for match in one_by_one.match([text], 2)[0]] == [m.id for m in at_once.match([text], 2)[0]]


def test_entries_without_words_are_never_found_and_disturb_nobody():
    empty = (
        Entry(id="marks", question="?!", answer="...", also=("!!", "🦊")),
        Entry(id="half", question="What is a marmot?", answer="", also=("...",)),
    )
    matcher = Matcher.of(PRIOR, (*ENTRIES, *empty)).changed(
        put=[Entry(id="more", question="-", answer="", also=("+",))]
    )
    assert [first(matcher, text) for text in ("marmot", "?!", "money back")] == ["half", None, "refund"]


def test_without_entries_nothing_is_found():
    nobody = MATCHER.changed(removed=[entry.id for entry in ENTRIES])
    assert nobody.match(["money", "anything"], 3) == [[], []]
    assert Matcher.of(PRIOR, ()).match(["money"], 3) == [[]]
    assert first(Matcher.of(PRIOR, ()).changed(put=ENTRIES), "money back") == "refund"


@pytest.mark.parametrize("text", ["", " \n", "?!...", "🦊🦊", "\ud800", "漢字", "zzz qqq", "\x00"])
def test_what_has_nothing_in_common_has_no_match(text):
    assert MATCHER.match([text], 3) == [[]]


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=200) | st.sampled_from(ENTRIES[2].texts))
def test_any_text_has_an_answer_with_probabilities(text):
    (matches,) = MATCHER.match([text, text * 3], 10)[:1]
    assert all(0 < match.probability < 1 for match in matches)
    assert sum(match.probability for match in matches) < 1
    assert len({match.id for match in matches}) == len(matches)


@pytest.mark.parametrize("text", ["money back " * 9_000, "x" * 100_000, "a1 b2 c3 " * 11_000, "é̀" * 50_000])
def test_long_texts_are_questions_as_others(text):
    assert len(MATCHER.match([text], 3)) == 1
