"""The vectors are those of scikit-learn, and any text has one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.faq_matching.vocabulary import Vocabulary
from shared.faq_matching.words import stem, words

QUESTIONS = [
    "How do I delete my account?",
    "Deleting an account, deleting it for good",
    "a to be: is it?",
    "Wie lösche ich mein Konto – für immer?",
    "haha ha, THE the The",
    "?!",
]
ANSWERS = ["Press delete. It is gone.", "", "Nothing to do."]


def sklearn_vectors(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Stems, fitted on questions and answers, and groups of letters, fitted on questions."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    stems = TfidfVectorizer(analyzer=lambda text: [stem(word) for word in words(text)], sublinear_tf=True)
    groups = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, preprocessor=lambda text: " ".join(words(text))
    )
    fitted = stems.fit([*QUESTIONS, *ANSWERS]), groups.fit(QUESTIONS)
    first, second = (vectorizer.transform(texts).toarray() for vectorizer in fitted)
    return first, second


@pytest.mark.slow
def test_cosines_are_those_of_scikit_learn():
    vocabulary = Vocabulary.fit(QUESTIONS, ANSWERS)
    stems, groups = sklearn_vectors(QUESTIONS)
    expected = (stems @ stems.T + groups @ groups.T) / 2
    rows = vocabulary.questions(QUESTIONS)
    for number, text in enumerate(QUESTIONS):
        ours = rows.dot(np.arange(len(rows)), vocabulary.vector(text).dense(rows.features))
        assert np.allclose(ours, expected[number], atol=1e-6)


@pytest.mark.slow
def test_what_no_text_has_makes_a_question_shorter_but_its_cosines_keep_their_order():
    vocabulary = Vocabulary.fit(QUESTIONS, ANSWERS)
    rows = vocabulary.questions(QUESTIONS)
    asked = "delete my xylophone account"
    stems, groups = sklearn_vectors([asked])
    every = sklearn_vectors(QUESTIONS)
    expected = (stems @ every[0].T + groups @ every[1].T)[0] / 2
    ours = rows.dot(np.arange(len(rows)), vocabulary.vector(asked).dense(rows.features))
    share = ours[0] / expected[0]
    assert 0.3 < share < 0.9
    assert np.allclose(ours, share * expected, atol=1e-6)


def test_words_that_come_later_leave_the_earlier_ones_as_they_were():
    vocabulary = Vocabulary.fit(QUESTIONS, ANSWERS)
    more = vocabulary.extended(["xylophone"], ["glockenspiel"])
    before, after = vocabulary.vector("delete my account"), more.vector("delete my account")
    assert np.array_equal(before.ids, after.ids)
    assert np.array_equal(before.values, after.values)
    assert len(more.vector("xylophone").ids) > len(vocabulary.vector("xylophone").ids)


@pytest.mark.parametrize(
    ("word", "short"),
    [("deleting", "delet"), ("deleted", "delet"), ("stopped", "stop"), ("videos", "video"), ("is", "is"), ("", "")],
)
def test_stems(word, short):
    assert stem(word) == short


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_any_text_has_a_vector_no_longer_than_one(text):
    vector = Vocabulary.fit(QUESTIONS, ANSWERS).vector(text)
    assert np.isfinite(vector.values).all()
    assert np.linalg.norm(vector.values) <= 1 + 1e-9
    assert (np.diff(vector.ids) > 0).all()
