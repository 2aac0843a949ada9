"""How well questions find their entry; how often one without is refused: `python -m bench.faq_quality [--svg FILE]`.

125 FAQs of Stack Exchange with 1,249 rephrasings (Karan and Šnajder 2018): without any of them, with weights learned on
the FAQ that ships; and five times cross-validated. Off-topic are 182 questions about JavaScript, and every rephrasing
asked where its entry was taken away. The data lie in ../shared/data/faq.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from shared.faq_matching import bundle
from shared.faq_matching.entries import Entry
from shared.faq_matching.matcher import Matcher
from shared.faq_matching.quality import Curve, Outcome, Quality, curve_of, off_topic_curve
from shared.faq_matching.reading import read_entries
from shared.faq_matching.training import PRIOR, ask, cross_validate, train

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "faq"
THREADS, JAVASCRIPT = DATA / "stackfaq" / "stackExchange-FAQ.json", DATA / "azure-js-questions" / "questions.tsv"
SEEDS, ANSWERED = (0, 1, 2), 0.5
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#6b21a8")
WIDTH, HEIGHT, LEFT, TOP = 640, 360, 60, 20  # of the curves' plot

type Named = tuple[str, Curve]


def show_quality(rows: Sequence[tuple[str, Sequence[Outcome]]]) -> Table:
    """Accuracy and calibration, beside published figures and others' on the same features."""
    table = Table("questions", "at 1", "at 3", "MRR", "calibration error")
    for name, outcomes in rows:
        q = Quality.of(outcomes)
        error = f"{q.calibration_error:.3f}"
        figures = (f"{figure:.3f}" for figure in (q.accuracy_at_1, q.accuracy_at_3, q.mean_reciprocal_rank))
        table.add_row(name, *figures, error)
    for name, *published in (
        ("Elasticsearch, published (mean average precision)", "", "", ".637"),
        ("word and character TF-IDF, no rephrasing", ".742", ".880", ".823"),
        ("linear SVM on the same features, five folds", ".954", ".990", ".972"),
    ):
        table.add_row(name, *published, "", style="dim")
    return table


def show_curves(curves: Sequence[Named]) -> Table:
    """What thresholds do."""
    table = Table("10 % of all questions are off-topic", "threshold", "answered", "answers wrong", "off-topic refused")
    for name, curve in curves:
        for threshold in (0.3, ANSWERED, 0.7, 0.9):
            table.add_row(name, f"{threshold}", *(f"{share:.1%}" for share in curve.at(threshold)))
    return table


def svg(curves: Sequence[Named]) -> str:
    """Risk over coverage as a drawing."""
    most = 0.25
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 60}" font-family="sans-serif" '
        f'font-size="12" fill="#333"><rect width="{WIDTH}" height="{HEIGHT + 60}" fill="white"/>'
    ]
    for step in range(6):
        x, y = _place(step / 5, 0, most)[0], _place(0, most * step / 5, most)[1]
        lines += [
            f'<path d="M{x} {TOP}V{HEIGHT}M{LEFT} {y}H{WIDTH - 20}" stroke="#ddd"/>',
            f'<text x="{x}" y="{HEIGHT + 16}" text-anchor="middle">{step * 20} %</text>',
            f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{most * step * 20:.0f} %</text>',
        ]
    for number, ((name, curve), colour) in enumerate(zip(curves, COLOURS, strict=False)):
        seen = curve.coverage > 0.02
        points = [_place(*point, most) for point in zip(curve.coverage[seen], curve.risk[seen], strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points if y >= TOP)
        x, y = _place(*curve.at(ANSWERED)[:2], most)
        lines += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>',
            f'<text x="{LEFT + 12}" y="{TOP + 18 + 17 * number}" fill="{colour}">{name}</text>',
        ]
    middle = (LEFT + WIDTH) / 2
    lines.append(f'<text x="{middle}" y="{HEIGHT + 38}" text-anchor="middle">questions with an entry answered</text>')
    lines.append(
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">answers wrong</text></svg>'
    )
    return "\n".join(lines) + "\n"


def _place(coverage: float, risk: float, most: float) -> tuple[float, float]:
    return LEFT + coverage * (WIDTH - 20 - LEFT), HEIGHT - risk / most * (HEIGHT - TOP)


def sure_of(matcher: Matcher, questions: Sequence[str]) -> list[float]:
    """The probability of the best match of each."""
    return [found[0].probability if found else 0.0 for found in matcher.match(questions, 1)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--svg", type=Path, help="also draw risk over coverage into this file")
    drawing = parser.parse_args().svg
    if not THREADS.exists():
        raise SystemExit(f"There is no {THREADS}.")
    entries, javascript = read_entries(THREADS), [entry.question for entry in read_entries(JAVASCRIPT)]
    bare = Matcher.of(PRIOR, [Entry(id=e.id, question=e.question, answer=e.answer) for e in entries])
    without = [outcome for entry in entries for outcome in ask(bare, entry.id, entry.also)]
    console = Console(stderr=True)
    folds = [
        cross_validate(entries, seed=seed) for seed in track(SEEDS, "cross-validating", console=console, transient=True)
    ]
    shipped = read_entries(bundle.DEFAULT / "faq.json")
    rows = [("no rephrasing: 1,249 asked", without)]
    rows += [(f"five folds, seed {seed}: 1,249 asked", fold) for seed, fold in zip(SEEDS, folds, strict=True)]
    rows.append(("the FAQ that ships, five folds: 389 asked", cross_validate(shipped)))
    every = [outcome for fold in folds for outcome in fold]
    far = np.array(sure_of(train(entries), javascript))
    curves = [
        ("five folds; off-topic: about JavaScript", off_topic_curve(every, far)),
        ("five folds; off-topic: of an entry that is not there", curve_of(every)),
        ("no rephrasing; off-topic: about JavaScript", off_topic_curve(without, np.array(sure_of(bare, javascript)))),
        ("no rephrasing; off-topic: of an entry that is not there", curve_of(without)),
    ]
    Console().print(show_quality(rows))
    Console().print(show_curves(curves))
    if drawing:
        drawing.write_text(svg(curves), "utf-8")


if __name__ == "__main__":
    main()
