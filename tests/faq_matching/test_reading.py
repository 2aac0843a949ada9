"""FAQs in every form that is read, and what is said of those that are not."""

import json

import pytest

from shared.errors import InvalidInput
from shared.faq_matching.reading import plain, read_entries

DUPLICATE = (
    "<blockquote><p><strong>Possible Duplicate:</strong><br><a href='x'>How do I swap?</a></p></blockquote>"
    "<p>How can I &lt;swap&gt; <b>two</b> values?</p><script>alert(1)</script><ul><li>a</li><li>b</li></ul>"
)


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="faq.json"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
        return read_entries(path)

    return from_text


def test_a_list_of_entries_is_read_and_cleaned(read):
    entry, other = read(
        [
            {"id": "a", "question": "<p>Why &amp; how?</p>", "answer": "<p>So.</p>", "also": ["<p>Why</p>"]},
            {"question": "What is <s> for?"},
        ]
    )
    assert (entry.id, entry.question, entry.answer, entry.also) == ("a", "Why & how?", "So.", ("Why",))
    assert (other.question, other.answer, other.also) == ("What is <s> for?", "", ())


def test_an_entry_without_an_id_keeps_its_own_while_others_come_and_go(read):
    (one,) = read([{"question": "Why?"}])
    _, again = read([{"question": "When?"}, {"question": "Why?", "answer": "Because."}])
    assert one.id == again.id


def test_threads_of_stack_exchange_are_read_without_missing_rephrasings(read):
    thread = {"question": "Why?", "answer": ["So.", "Or so."], "rephr": ["*", "", None, "How come?"]}
    (entry,) = read({"root": {"qapair": [thread]}})
    assert (entry.answer, entry.also) == ("So.\n\nOr so.", ("How come?",))


def test_a_table_of_stack_overflow_has_titles_texts_and_links(read):
    text = 'Id\tAnswerId\tText0\n7\t9\t"Swap ""two"" values?. <p>I have a and b.</p>"\n8\t9\tNo text\n'
    first, second = read(text, "questions.tsv")
    assert (first.id, first.question, first.also) == ("7", 'Swap "two" values?', ("I have a and b.",))
    assert first.answer == "https://stackoverflow.com/a/9"
    assert (second.question, second.also) == ("No text", ())


def test_rows_of_one_id_are_phrasings_of_one_entry(read):
    (entry,) = read("id,question,answer\n1,Why?,So.\n1,How come?,\n1,Why?,\n", "faq.csv")
    assert (entry.question, entry.answer, entry.also) == ("Why?", "So.", ("How come?", "Why?"))


def test_html_becomes_lines_without_possible_duplicates():
    assert plain(DUPLICATE) == "How can I <swap> two values?\n\na\nb"
    assert plain("Possible Duplicate: How do I swap?\nSwap two values") == "Swap two values"
    assert plain("if a < b and c > d") == "if a < b and c > d"
    assert plain("<p>never closed <b>bold") == "never closed bold"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("{", "faq.json", "not JSON"),
        ("{}", "faq.json", "not a list"),
        ("[1]", "faq.json", "not a list"),
        ("[]", "faq.json", "no entries"),
        ('[{"answer": "So."}]', "faq.json", "Entry 1 of faq.json.*question"),
        ('[{"question": "Why?"}, {"question": 5}]', "faq.json", "Entry 2"),
        ('[{"question": "Why?", "also": "How come?"}]', "faq.json", "Entry 1.*also"),
        ('[{"question": "   "}]', "faq.json", "Entry 1"),
        ("a\tb\n1\t2\n", "faq.tsv", "no column of questions, only a, b"),
        ("", "faq.csv", "no column"),
        ("[" * 100_000, "faq.json", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_said(read, text, name, said):
    with pytest.raises(InvalidInput, match=said):
        read(text, name)


def test_bytes_that_are_no_text_are_said(tmp_path):
    (tmp_path / "faq.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_entries(tmp_path / "faq.json")
