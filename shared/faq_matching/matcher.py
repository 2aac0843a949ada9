"""Finds the entry that a question means; made once, then only read, by any number of threads."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Self

import msgspec
import numpy as np

from shared.faq_matching.entries import Entry, by_id
from shared.faq_matching.part import Gone, Part, Place, learn
from shared.faq_matching.ranking import Ranking, probabilities
from shared.faq_matching.teaching import Classifier
from shared.faq_matching.vocabulary import Vocabulary
from shared.faq_matching.words import words

type Learn = Callable[[Part], Sequence[Classifier | None]]


class Match(msgspec.Struct, frozen=True):
    """An entry, and how probable it is that it is meant."""

    id: str
    probability: float


@dataclass(frozen=True, slots=True, repr=False)
class Matcher:
    """The entries of a FAQ as they were trained (base), and those that changed since."""

    ranking: Ranking
    vocabulary: Vocabulary
    base: Place
    since: Place
    entries: Mapping[str, Entry]

    @classmethod
    def of(cls, ranking: Ranking, entries: Iterable[Entry], classifiers: Learn | None = None) -> Self:
        """A matcher of these entries; of the same id the last counts. Classifiers are made, unless they are given."""
        kept = by_id(entries)
        vocabulary = Vocabulary.fit(
            [text for entry in kept.values() for text in entry.texts], [entry.answer for entry in kept.values()]
        )
        part = Part.of(kept.values(), vocabulary)
        made = classifiers(part) if classifiers else learn(part, (), {})
        empty = Place(Part.of((), vocabulary), Gone())
        return cls(ranking, vocabulary, Place(part.with_classifiers(made), Gone()), empty, kept)

    def weighed(self, ranking: Ranking) -> Self:
        """The same with other weights."""
        return replace(self, ranking=ranking)

    @property
    def threshold(self) -> float:
        """A match less probable than this is no answer."""
        return self.ranking.threshold

    def match(self, questions: Sequence[str], top_k: int) -> list[list[Match]]:
        """The entries that each question may mean, at most top_k of them, the most probable first.

        A question that has nothing in common with any entry has none.
        """
        return [self._match(question, top_k) for question in questions]

    def changed(self, put: Iterable[Entry] = (), removed: Iterable[str] = ()) -> Self:
        """Another matcher, in which the entries `put` are new or take the place of those with their ids.

        Nothing is trained anew: how rare features are and how features are weighed stays as it is; an entry put in
        with several phrasings gets a classifier of its own (some milliseconds each).
        """
        old = {entry.id: entry for entry in self.since.part.entries}
        new = by_id(put)
        gone = set(removed) - set(new)
        since = {id: entry for id, entry in (old | new).items() if id not in gone}
        entries = {id: entry for id, entry in {**self.entries, **new}.items() if id not in gone}
        vocabulary = self.vocabulary.extended(
            (word for entry in new.values() for text in entry.texts for word in words(text)),
            (word for entry in new.values() for word in words(entry.answer)),
        )
        base = self.base.part
        hidden = [n for n, entry in enumerate(base.entries) if entries.get(entry.id) is not entry]
        place = Place(base, base.without(np.array(hidden, np.int64)))
        part = Part.of(since.values(), vocabulary)
        made = learn(part, [place], self._known())
        return type(self)(self.ranking, vocabulary, place, Place(part.with_classifiers(made), Gone()), entries)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where entries are."""
        return tuple(place for place in (self.base, self.since) if place.part.entries)

    def _known(self) -> dict[Entry, Classifier]:
        """The classifiers of what changed before."""
        part = self.since.part
        has = np.flatnonzero(part.taught(np.arange(len(part.entries))))
        return {part.entries[number]: part.classifier(number) for number in has.tolist()}

    def _match(self, question: str, top_k: int) -> list[Match]:
        query = self.vocabulary.vector(question)
        if not len(query.ids):
            return []
        dense = query.dense(len(self.vocabulary.idf))
        found: list[tuple[str, ...]] = []
        odds = []
        for place in self.places:
            part = place.part
            candidates = part.candidates(query, dense, place.gone, top_k)
            taught = part.taught(candidates)
            odds.append(self.ranking.log_odds(part.features(candidates, dense, taught), taught))
            found.append(tuple(part.entries[number].id for number in candidates))
        sure = probabilities(np.concatenate([np.zeros(0), *odds]))
        ids = list(chain.from_iterable(found))
        best = np.argsort(-sure, kind="stable")[:top_k]
        return [Match(ids[number], float(sure[number])) for number in best]
