"""Learns how to weigh matches from the phrasings that are known, and measures how well, on phrasings held out."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from shared.faq_matching.entries import Entry, by_id
from shared.faq_matching.matcher import Matcher
from shared.faq_matching.part import Gone, Part, learn
from shared.faq_matching.quality import Outcome
from shared.faq_matching.ranking import Case, Ranking, fit
from shared.faq_matching.sparse import Flags, Floats, Ints
from shared.faq_matching.teaching import Classifier

MOST = 500  # phrasings that weights are learned from; more add nothing to three numbers
FOLDS = 5
LOOKED_AT = 10  # matches of a question; a right one further down counts as not found
# Learned on the FAQ that ships with Tally; what other FAQs begin from, and stay with where they have no rephrasings.
PRIOR = Ranking(taught=(8.6, 13.0, -3.5), plain=(10.1, 15.9, -3.9), threshold=0.5)

type Progress = Callable[[int], None]  # so many more steps are done


def silent(count: int) -> None:
    """No progress is shown."""


def steps(entries: Sequence[Entry], folds: int) -> int:
    """How many steps a cross-validation and a training report, about."""
    asked = sum(len(entry.also) for entry in entries)
    return (folds + 1) * (len(entries) + min(asked, MOST)) + asked


def train(entries: Sequence[Entry], prior: Ranking = PRIOR, progress: Progress = silent) -> Matcher:
    """A matcher of the entries, its weights learned from their rephrasings; the threshold is the prior's."""
    kept = tuple(by_id(entries).values())
    classifiers: list[Classifier | None] = []

    def remember(part: Part) -> list[Classifier | None]:
        classifiers.extend(learn(part, (), {}, lambda: progress(1)))
        return classifiers

    matcher = Matcher.of(prior, kept, remember)
    taught, plain = _cases(matcher.base.part, classifiers, progress)
    return matcher.weighed(
        Ranking(taught=fit(taught, prior.taught), plain=fit(plain, prior.plain), threshold=prior.threshold)
    )


def cross_validate(
    entries: Sequence[Entry], prior: Ranking = PRIOR, folds: int = FOLDS, seed: int = 0, progress: Progress = silent
) -> list[Outcome]:
    """What becomes of every rephrasing when a matcher is asked that was trained without it."""
    kept = tuple(by_id(entries).values())
    random = np.random.default_rng(seed)
    if not any(entry.also for entry in kept):
        return []
    fold_of = [random.permutation(len(entry.also)) % folds for entry in kept]
    outcomes: list[Outcome] = []
    for fold in range(folds):
        known = [_with(entry, of != fold) for entry, of in zip(kept, fold_of, strict=True)]
        matcher = train(known, prior, progress)
        for entry, of in zip(kept, fold_of, strict=True):
            asked = [entry.also[number] for number in np.flatnonzero(of == fold)]
            outcomes += ask(matcher, entry.id, asked)
            progress(len(asked))
    return outcomes


def ask(matcher: Matcher, id: str | None, questions: Sequence[str]) -> list[Outcome]:
    """What becomes of questions that mean the entry with this id; None: that no entry answers."""
    return [Outcome.of(matches, id) for matches in matcher.match(questions, LOOKED_AT)]


def _with(entry: Entry, chosen: Flags) -> Entry:
    also = tuple(text for text, use in zip(entry.also, chosen, strict=True) if use)
    return Entry(id=entry.id, question=entry.question, answer=entry.answer, also=also)


def _cases(part: Part, classifiers: Sequence[Classifier | None], progress: Progress) -> tuple[list[Case], list[Case]]:
    """Rephrasings, each asked as if it were not known; and asked as if only questions and answers were known."""
    rephrasings = np.ones(len(part.questions), np.bool_)
    rephrasings[part.starts[:-1]] = False
    taught: list[Case] = []
    plain: list[Case] = []
    for row in _chosen(np.flatnonzero(rephrasings)):
        query = part.questions.row(row)
        dense = query.dense(part.questions.features)
        left_out = np.arange(len(part.questions)) == row
        candidates = part.candidates(query, dense, Gone(left_out), 0)
        features = part.features(candidates, dense, part.taught(candidates))
        for place, one in enumerate(classifiers[candidate] for candidate in candidates):
            if one and (held_out := one.without(row)) is not None:
                features[place, 0] = held_out
        taught += _case(candidates, features, part.owner[row])
        candidates = part.candidates(query, dense, Gone(rephrasings), 0)
        features = part.features(candidates, dense, np.zeros(len(candidates), np.bool_))
        plain += _case(candidates, features, part.owner[row])
        progress(1)
    return taught, plain


def _case(candidates: Ints, features: Floats, meant: int) -> Iterator[Case]:
    place = np.flatnonzero(candidates == meant)
    if len(place):
        yield Case(features, int(place[0]))


def _chosen(numbers: Ints) -> Ints:
    """All, or of many an even choice."""
    if len(numbers) <= MOST:
        return numbers
    return np.sort(np.random.default_rng(0).choice(numbers, MOST, replace=False))
