"""How fast a question is matched among 50,000, beside scikit-learn with the same features: `python -m bench.faq`.

Questions are halves of real ones put together anew, with words drawn after Zipf's law in the place of some, so that
vocabulary and frequencies are those of a FAQ of this size. Everything runs in this process and one thread, in turns, a
question at a time; times are processor times. Both sides must find the same five, ties in any order.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from bench.aggregation import Row, show
from shared.faq_matching.entries import Entry
from shared.faq_matching.matcher import Matcher
from shared.faq_matching.reading import read_entries
from shared.faq_matching.training import PRIOR
from shared.faq_matching.words import stem, words

ENTRIES, ASKED, BATCH, TOP = 50_000, 300, 16, 5
LIMIT_MS = 5.0
SHIPPED = Path(__file__).parents[1] / "shared" / "models" / "faq" / "default" / "faq.json"
DATA = Path(__file__).parents[2] / "shared" / "data" / "faq"
BESIDE = (DATA / "stackfaq" / "stackExchange-FAQ.json", DATA / "azure-js-questions" / "questions.tsv")

type Milliseconds = NDArray[np.float64]


def sentences() -> list[list[str]]:
    """The questions of the FAQ that ships, and of those that lie beside the repository, if there are any, in words."""
    entries = [entry for path in (SHIPPED, *BESIDE) if path.exists() for entry in read_entries(path)]
    texts = (text.split() for entry in entries for text in entry.texts)
    return [text for text in texts if 4 <= len(text) <= 30]


def questions(real: Sequence[list[str]], count: int, seed: int) -> list[str]:
    """Questions, of which every tenth word is an invented one."""
    random = np.random.default_rng(seed)
    syllables = [a + b for a in "bcdfgklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "or", "ing", "il")]
    number = np.minimum(random.zipf(1.3, (count, 30)), 20_000)
    swapped = random.random((count, 30)) < 0.1
    made = []
    for row, (first, second) in enumerate(random.integers(len(real), size=(count, 2))):
        text = [*real[first][: len(real[first]) // 2], *real[second][len(real[second]) // 2 :]]
        for place in np.flatnonzero(swapped[row, : len(text)]):
            text[place] = invented(int(number[row, place]), syllables)
        made.append(" ".join(text))
    return made


def invented(number: int, syllables: Sequence[str]) -> str:
    """The word of this number: two to four syllables, always the same."""
    random = np.random.default_rng(number)
    return "".join(syllables[i] for i in random.integers(len(syllables), size=random.integers(2, 5)))


class Sklearn:
    """The straightforward way: both kinds of features as scikit-learn makes them, cosines with every question."""

    def __init__(self, texts: Sequence[str], answers: Sequence[str]) -> None:
        from scipy.sparse import hstack
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._stack = hstack
        self._stems = TfidfVectorizer(analyzer=lambda text: [stem(word) for word in words(text)], sublinear_tf=True)
        self._groups = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, preprocessor=lambda text: " ".join(words(text))
        )
        self._stems.fit([*texts, *answers])
        self._groups.fit(texts)
        self._rows = self._vectors(texts)

    def top(self, question: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The best questions and their cosines."""
        from sklearn.metrics.pairwise import linear_kernel

        cosines = linear_kernel(self._vectors([question]), self._rows)[0]
        best = np.argpartition(-cosines, TOP)[:TOP]
        best = best[np.argsort(-cosines[best])]
        return best, cosines[best]

    def _vectors(self, texts: Sequence[str]) -> Any:
        return self._stack([self._stems.transform(texts), self._groups.transform(texts)]).tocsr() / np.sqrt(2)


def tally_top(matcher: Matcher, question: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The same in Tally."""
    query = matcher.vocabulary.vector(question)
    rows = matcher.base.part.questions
    return rows.top(query, query.dense(rows.features), TOP)


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of processor time of one call, in one thread: what else the machine does disturbs it less."""
    begun = time.process_time()
    call()
    return 1e3 * (time.process_time() - begun)


def row(name: str, times: Milliseconds, baseline: Milliseconds) -> Row:
    """Percentiles of a question's time, beside the baseline's median and the limit of the 95th."""
    p50, p95, p99 = (float(part) for part in np.percentile(times, [50, 95, 99]))
    faster = float(np.median(baseline)) / p50
    figures = {"p50, ms": p50, "p95, ms": p95, "p99, ms": p99, "times faster": faster, "p95 / 5 ms": p95 / LIMIT_MS}
    return Row(name, figures)


def asking(matcher: Matcher, sklearn: Sklearn, asked: Sequence[str]) -> Iterator[Row]:
    """A question at a time, both sides in turns, then in batches; how many of the best differ."""
    times: dict[str, list[float]] = {"sklearn": [], "cosines": [], "match": [], "batch": []}
    unlike = 0
    for number, question in enumerate(track(asked, "asking", console=Console(stderr=True), transient=True)):
        times["sklearn"].append(timed(lambda: sklearn.top(question)))  # noqa: B023 called at once
        times["cosines"].append(timed(lambda: tally_top(matcher, question)))  # noqa: B023
        times["match"].append(timed(lambda: matcher.match([question], 3)))  # noqa: B023
        if number % BATCH == BATCH - 1:
            batch = asked[number + 1 - BATCH : number + 1]
            times["batch"] += [timed(lambda: matcher.match(batch, 3)) / BATCH]  # noqa: B023
        unlike += differ(sklearn.top(question), tally_top(matcher, question))
    taken = {name: np.array(found) for name, found in times.items()}
    for name, key in (
        ("scikit-learn: transform, linear_kernel, best 5", "sklearn"),
        (f"Tally: the same best 5 ({unlike} unlike)", "cosines"),
        ("Tally: match, ranked and with probabilities", "match"),
        (f"Tally: match, {BATCH} at a time, for each", "batch"),
    ):
        yield row(name, taken[key], taken["sklearn"])


def differ(theirs: tuple[Any, Any], ours: tuple[Any, Any]) -> bool:
    """Whether the best are not the same, up to what scores the same.

    Tally's cosines are smaller by one factor for each question: there, what no text has counts in its length.
    """
    cosines = ours[1] * (theirs[1][0] / ours[1][0])
    scores = dict(zip(*map(list, theirs), strict=True))
    least = theirs[1].min()
    same = all(abs(scores.get(row, least) - score) < 1e-6 for row, score in zip(ours[0], cosines, strict=True))
    return not same or bool(np.abs(theirs[1] - cosines).max() >= 1e-6)


def memory_mib(matcher: Matcher) -> float:
    """What the rows of a matcher take."""
    part = matcher.base.part
    arrays = [a for rows in (part.questions, part.answers) for a in (rows.starts, rows.ids, rows.values, *rows.columns)]
    return sum(array.nbytes for array in arrays) / 2**20


def changing(matcher: Matcher, texts: Sequence[str]) -> Iterator[Row]:
    """Entries put in and taken away, one by one, and a hundred at once."""
    new = [Entry(id=f"new-{n}", question=text, answer="", also=(texts[-n - 1],)) for n, text in enumerate(texts[:100])]
    one = [timed(lambda: matcher.changed(put=[entry])) for entry in new[:20]]  # noqa: B023
    gone = [timed(lambda: matcher.changed(removed=[str(number)])) for number in range(20)]  # noqa: B023
    many = timed(lambda: matcher.changed(put=new))
    yield Row("put one in, with a rephrasing", {"p50, ms": float(np.median(one)), "most, ms": max(one)})
    yield Row("remove one", {"p50, ms": float(np.median(gone)), "most, ms": max(gone)})
    yield Row("put a hundred in", {"p50, ms": many, "most, ms": many})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="JSON lines in place of tables")
    as_json = parser.parse_args().json
    real = sentences()
    texts, answers = questions(real, ENTRIES, 1), questions(real, ENTRIES, 2)
    asked = questions(real, ASKED, 3)
    entries = [Entry(id=str(n), question=q, answer=a) for n, (q, a) in enumerate(zip(texts, answers, strict=True))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    matcher = Matcher.of(PRIOR, entries)
    built = time.perf_counter()
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    sklearn = Sklearn(texts, answers)
    fitted = time.perf_counter()
    making = {
        "made, s": built - begun,
        "scikit-learn, s": fitted - built,
        "rows, MiB": memory_mib(matcher),
        "peak, MiB": peak,
    }
    tables = {
        f"A question among {ENTRIES:,}, {len(matcher.vocabulary.idf):,} features": asking(matcher, sklearn, asked),
        "Making it": (Row("rows, from texts", making),),
        "Changing entries": changing(matcher, asked),
    }
    for title, made in tables.items():
        rows = list(made)
        if as_json:
            print("\n".join(json.dumps({"bench": title, "case": each.name, **each.figures}) for each in rows))
        else:
            Console().print(show(title, rows))


if __name__ == "__main__":
    main()
