"""Entries with all that answers a question quickly: their phrasings, answers and classifiers as sparse rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.faq_matching.entries import Entry
from shared.faq_matching.sparse import Flags, Floats, Ints, Rows, Vector
from shared.faq_matching.teaching import NEAREST, Classifier, Triples, centre, packed, teach
from shared.faq_matching.vocabulary import Vocabulary

ROWS, ANSWERS = 48, 10  # phrasings and answers whose entries are candidates
ENOUGH = 50_000  # products after which the best so far are taken for candidates; a FAQ of 100 entries has no more


@dataclass(frozen=True, slots=True)
class Gone:
    """Phrasings and entries of a part that are not there; None: all are."""

    rows: Flags | None = None
    entries: Flags | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Entries as rows: entry e is asked by the rows starts[e] … starts[e + 1] - 1, its question first.

    weights: a classifier for each entry; a row is empty where there is none.
    """

    entries: tuple[Entry, ...]
    starts: Ints
    owner: Ints
    questions: Rows
    answers: Rows
    weights: Rows

    @classmethod
    def of(cls, entries: Iterable[Entry], vocabulary: Vocabulary) -> Self:
        """Entries whose words are all in the vocabulary; none has a classifier yet."""
        kept = tuple(entries)
        sizes = np.fromiter((len(entry.texts) for entry in kept), np.int64, len(kept))
        return cls(
            kept,
            np.concatenate([[0], np.cumsum(sizes)]),
            np.repeat(np.arange(len(kept)), sizes),
            vocabulary.questions([text for entry in kept for text in entry.texts]).prepared(),
            vocabulary.answers([entry.answer for entry in kept]).prepared(),
            packed([None] * len(kept), len(vocabulary.idf)),
        )

    def with_classifiers(self, classifiers: Sequence[Classifier | None]) -> Self:
        """The same with a classifier, or none, for each entry."""
        return replace(self, weights=packed(classifiers, self.questions.features))

    def classifier(self, entry: int) -> Classifier:
        """The one that it has."""
        return Classifier(self.weights.row(entry), np.zeros(0, np.int64), np.zeros(0))

    def rows(self, entry: int) -> Ints:
        """The phrasings of an entry."""
        return np.arange(self.starts[entry], self.starts[entry + 1])

    def without(self, entries: Ints) -> Gone:
        """That these entries are not there."""
        if not len(entries):
            return Gone()
        flags = np.zeros(len(self.entries), np.bool_)
        flags[entries] = True
        return Gone(flags[self.owner], flags)

    def candidates(self, query: Vector, dense: NDArray[np.float32], gone: Gone, wanted: int) -> Ints:
        """Entries that may be meant, ascending: those of the nearest phrasings and answers."""
        rows, _ = self.questions.top(query, dense, max(ROWS, 4 * wanted), gone.rows, ENOUGH)
        answers, _ = self.answers.top(query, dense, max(ANSWERS, wanted), gone.entries, ENOUGH)
        return np.unique(np.concatenate([self.owner[rows], answers]))

    def taught(self, entries: Ints) -> Flags:
        """Which have a classifier."""
        return self.weights.starts[entries + 1] > self.weights.starts[entries]

    def features(self, entries: Ints, dense: NDArray[np.float32], taught: Flags) -> Floats:
        """What is known of candidates, f64[entries, 3].

        Columns: what the classifier says, or the cosine with the question where an entry is not to count as taught;
        the cosine with the answer's stems; 1.
        """
        similar = np.empty(len(entries))
        similar[taught] = self.weights.dot(entries[taught], dense)
        similar[~taught] = self.questions.dot(self.starts[entries[~taught]], dense)
        answer = np.sqrt(2) * self.answers.dot(entries, dense)
        return np.stack([similar, answer, np.ones(len(entries))], axis=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A part, and what of it is not there."""

    part: Part
    gone: Gone


def learn(
    part: Part, beside: Sequence[Place], known: Mapping[Entry, Classifier], progress: Callable[[], None] = lambda: None
) -> list[Classifier | None]:
    """A classifier for each entry that is known in several phrasings, against the nearest ones of other entries.

    beside: further parts where those are looked for. known: classifiers that need not be made.
    """
    made: list[Classifier | None] = []
    for number, entry in enumerate(part.entries):
        one = known.get(entry)
        if one is None and entry.also:
            own = part.rows(number)
            places = [Place(part, part.without(np.array([number]))), *beside]
            phrasings = part.questions.take(own)
            others, rows = nearest(places, centre(phrasings, len(own)))
            one = teach(phrasings, others, (own, rows))
        made.append(one)
        progress()
    return made


def nearest(places: Sequence[Place], middle: Vector, count: int = NEAREST) -> tuple[Triples, Ints]:
    """The phrasings nearest to a vector, and their row numbers: those of the first place; -1 for those of others."""
    found = []
    for index, (part, gone) in enumerate((place.part, place.gone) for place in places):
        rows, scores = part.questions.top(middle, middle.dense(part.questions.features), count, gone.rows)
        found += [(score, index, row) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]
    found = sorted(found, key=lambda one: -one[0])[:count]
    taken, before = [], 0
    for index, place in enumerate(places):
        rows = np.array([row for _, of, row in found if of == index], np.int64)
        at, ids, values = place.part.questions.take(rows)
        taken.append((at + before, ids, values))
        before += len(rows)
    first, second, third = (np.concatenate(column) for column in zip(*taken, strict=True))
    numbers = [row if of == 0 else -1 for index in range(len(places)) for _, of, row in found if of == index]
    return (first, second, third), np.array(numbers, np.int64)
