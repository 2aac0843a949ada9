"""TF-IDF as scikit-learn has it, over stems and over groups of letters, fitted and applied with numpy alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shared.faq_matching.sparse import Floats, Ints, Rows, Vector, ranges
from shared.faq_matching.words import groups, stem, words

type Features = tuple[int, ...]
_STEM, _GROUP = "s", "g"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Features and how rare each is. Stems and groups of letters each make up half of a question's length.

    A feature that came after the fitting counts as one that was in no text.
    """

    stems: dict[str, int]
    groups: dict[str, int]
    known: dict[str, Features]  # of each word that questions had: its stem and its groups, once per occurrence
    is_group: NDArray[np.bool_]
    idf: Floats
    texts: int  # it was fitted on

    @classmethod
    def empty(cls) -> Self:
        """Of no text."""
        return cls({}, {}, {}, np.zeros(0, np.bool_), np.zeros(0), 0)

    @classmethod
    def fit(cls, questions: Sequence[str], answers: Sequence[str]) -> Self:
        """Features of questions, stems of answers; how rare a stem is follows from both, a group from questions."""
        asked, told = _split(questions), _split(answers)
        base = cls.empty().extended(chain.from_iterable(asked), chain.from_iterable(told))
        found = np.zeros(len(base.idf))
        for texts, also_groups in ((asked, True), (told, False)):
            _, ids, _ = base._counted(texts, also_groups)
            found += np.bincount(ids, minlength=len(found))
        fitted = np.where(base.is_group, len(questions), len(questions) + len(answers))
        idf = np.log((1 + fitted) / (1 + found)) + 1  # smoothed, as TfidfVectorizer has it
        return cls(base.stems, base.groups, base.known, base.is_group, idf, len(questions))

    def extended(self, asked: Iterable[str], told: Iterable[str]) -> Self:
        """The same with more words: of questions, and of answers, whose groups of letters are no features."""
        tables = _Tables(dict(self.stems), dict(self.groups), len(self.idf))
        known = dict(self.known)
        for word in asked:
            if word not in known:
                known[word] = (tables.stem(word), *map(tables.group, groups(word)))
        for word in dict.fromkeys(told):
            tables.stem(word)
        is_group = np.concatenate([self.is_group, np.array(tables.kinds, np.bool_)])
        idf = np.concatenate([self.idf, np.full(len(tables.kinds), self._unseen)])
        return type(self)(tables.stems, tables.groups, known, is_group, idf, self.texts)

    def vector(self, text: str) -> Vector:
        """What a question has in common with any text: as TfidfVectorizer has it, but shorter by what no text has."""
        counts: dict[int, int] = {}
        unseen: dict[str, int] = {}
        for word in words(text):
            for feature in self.known.get(word) or self._of(word, unseen):
                counts[feature] = counts.get(feature, 0) + 1
        ids = np.fromiter(counts, np.int64, len(counts))
        tf = np.fromiter(counts.values(), np.float64, len(counts))
        order = np.argsort(ids)
        ids, tf = ids[order], tf[order]
        values = self._weighted(np.zeros(len(ids), np.int64), ids, tf, 1)
        return Vector(ids, values * self._share_known(ids, tf, unseen) if unseen else values)

    def questions(self, texts: Sequence[str]) -> Rows:
        """The vectors of texts whose words are all in the vocabulary."""
        return self._rows(texts, True)

    def answers(self, texts: Sequence[str]) -> Rows:
        """The vectors of their stems alone, of length 1."""
        return self._rows(texts, False)

    def _rows(self, texts: Sequence[str], also_groups: bool) -> Rows:
        row, ids, tf = self._counted(_split(texts), also_groups)
        values = self._weighted(row, ids, tf, len(texts))
        return Rows.of(row, ids, values if also_groups else values * np.sqrt(2), len(texts), len(self.idf))

    def _weighted(self, row: Ints, ids: Ints, tf: Floats, rows: int) -> Floats:
        values = (1 + np.log(tf)) * self.idf[ids]
        half = 2 * row + self.is_group[ids]
        lengths = np.sqrt(2 * np.bincount(half, values * values, minlength=2 * rows))
        weighted: Floats = values / lengths[half]
        return weighted

    def _share_known(self, ids: Ints, tf: Floats, unseen: Mapping[str, int]) -> float:
        """How long the known part of a text is, as a share of its length: the mean over stems and groups, squared."""
        values = (1 + np.log(tf)) * self.idf[ids]
        known = np.bincount(self.is_group[ids], values * values, minlength=2)
        squares = np.zeros(2)
        for part, times in unseen.items():
            squares[int(part[0] != _STEM)] += ((1 + np.log(times)) * self._unseen) ** 2
        return float(np.sqrt(np.mean(known / (known + squares))))

    @property
    def _unseen(self) -> float:
        return float(np.log(1 + self.texts)) + 1

    def _of(self, word: str, unseen: dict[str, int]) -> list[int]:
        """The features of a word that no text had; counts what is no feature."""
        found = []
        parts = [(self.stems, stem(word), _STEM), *((self.groups, group, _GROUP) for group in groups(word))]
        for table, part, kind in parts:
            feature = table.get(part)
            if feature is None:
                unseen[kind + part] = unseen.get(kind + part, 0) + 1
            else:
                found.append(feature)
        return found

    def _counted(self, texts: list[list[str]], also_groups: bool) -> tuple[Ints, Ints, Floats]:
        """Row, feature and number of times, in this order."""
        numbers = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
        features = [self.known[word] if also_groups else (self.stems[stem(word)],) for word in numbers]
        sizes = np.fromiter(map(len, features), np.int64, len(features))
        flat = np.fromiter(chain.from_iterable(features), np.int64, int(sizes.sum()))
        begins = np.cumsum(sizes) - sizes
        word = np.fromiter((numbers[word] for text in texts for word in text), np.int64)
        text = np.repeat(np.arange(len(texts)), np.fromiter(map(len, texts), np.int64, len(texts)))
        ids = flat[ranges(begins[word], sizes[word])]
        keys, counts = np.unique(np.repeat(text, sizes[word]) * max(len(self.idf), 1) + ids, return_counts=True)
        row, ids = np.divmod(keys, max(len(self.idf), 1))
        return row, ids, counts.astype(np.float64)


@dataclass(slots=True)
class _Tables:
    """Features that get numbers as they come; kinds: of the new ones, whether each is a group."""

    stems: dict[str, int]
    groups: dict[str, int]
    first: int
    kinds: list[bool] = field(default_factory=list)

    def stem(self, word: str) -> int:
        return self._number(self.stems, stem(word), False)

    def group(self, part: str) -> int:
        return self._number(self.groups, part, True)

    def _number(self, table: dict[str, int], part: str, kind: bool) -> int:
        number = table.setdefault(part, self.first + len(self.kinds))
        if number == self.first + len(self.kinds):
            self.kinds.append(kind)
        return number


def _split(texts: Iterable[str]) -> list[list[str]]:
    return [words(text) for text in texts]
