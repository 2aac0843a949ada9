"""`tally train faq`: learns to match questions to the entries of a FAQ, and says how well."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from shared.cli.context import console, storage

if TYPE_CHECKING:
    from shared.models.faq.entries import Entry
    from shared.models.faq.matcher import Matcher

DOUBTFUL = 0.25  # wrong answers among all, from which on a word of advice is due
SURE = 0.5  # a match that is more probable than all else together is answered, unless a risk was asked for


def register(train: typer.Typer) -> None:
    """Add the command to the group."""
    train.command("faq")(train_faq)


def train_faq(
    file: Annotated[Path, typer.Argument(help="JSON, .tsv or .csv; see below.", exists=True, dir_okay=False)],
    folds: Annotated[int, typer.Option(min=2, max=20, help="Parts that rephrasings are held out in, by turns.")] = 5,
    risk: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Share of the answers given that may be wrong; default: 0.1, or what .5 gives."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which rephrasings are held out together.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the bundle into this folder; nothing is published.")] = None,
    discard_changes: Annotated[
        bool, typer.Option("--discard-changes", help="Forget what was changed over HTTP before.")
    ] = False,
) -> None:
    """Learn a FAQ, and make it the one that answers `POST /api/score/faq`.

    FILE is a JSON list such as

    `[{"id": "refund", "question": "Can I have my money back?", "answer": "Yes, within 30 days.", "also":
    ["How do refunds work?"]}]`

    or Stack Exchange threads, or a table with a column `question` or `Text0` and, if there are any, `id` and `answer`.
    Without an id an entry is known by its question. HTML is cleaned. `also` are other ways to ask the same: the more of
    them and the more like people's own words, the better. Rows of one id are phrasings of one entry.

    How good it is, is measured on rephrasings that were held out. The same file gives the same version.
    """
    from shared.models.faq import bundle, edits
    from shared.models.faq.reading import read_entries

    entries = read_entries(file)
    matcher, metrics = learned(entries, folds, risk, seed)
    if out:
        version = bundle.write_folder(out, matcher, metrics)
        console.print(f"{out}: version {version}", highlight=False, soft_wrap=True)
        return
    store = storage().control("bundles")
    version = bundle.publish(store, matcher, metrics)
    console.print(f"Bundle {version} is current: {len(entries)} entries.", highlight=False)
    if discard_changes:
        edits.discard(store)
    elif changes := edits.count(edits.read_edits(store)):
        console.print(f"{changes} changes made over HTTP stay in force above it; --discard-changes forgets them.")


def learned(entries: "Sequence[Entry]", folds: int, risk: float | None, seed: int) -> "tuple[Matcher, dict[str, Any]]":
    """The matcher with its threshold, and what was measured; both are shown."""
    import msgspec

    from shared.models.faq.quality import RISK, Quality, curve_of, threshold_for
    from shared.models.faq.training import cross_validate, steps, train

    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bars:
        bar = bars.add_task("Holding rephrasings out", total=steps(entries, folds))
        outcomes = cross_validate(entries, folds=folds, seed=seed, progress=lambda count: bars.advance(bar, count))
        bars.update(bar, description="Learning from all")
        matcher = train(entries, progress=lambda count: bars.advance(bar, count))
        bars.update(bar, completed=steps(entries, folds))
    if not outcomes:
        console.print(
            "No entry has other phrasings (`also`): nothing could be learned or measured. Weights and threshold"
        )
        console.print("are those of the FAQ that ships. Some phrasings per entry make a great difference.")
        return matcher, {}
    curve = curve_of(outcomes)
    threshold = threshold_for(curve, RISK if risk is None else risk)
    threshold = threshold if risk is not None else min(threshold, SURE)
    coverage, wrong, refused = curve.at(threshold)
    metrics: dict[str, Any] = {
        **msgspec.to_builtins(Quality.of(outcomes)),
        **{"folds": folds, "seed": seed, "coverage": round(coverage, 6), "risk": round(wrong, 6)},
        "off_topic_refused": round(refused, 6),
    }
    console.print(_table(metrics, threshold))
    if wrong > DOUBTFUL:
        console.print(f"{wrong:.0%} wrong answers are many. More entries and more phrasings help; so does --risk 0.1,")
        console.print("which answers only what is surer.")
    return matcher.weighed(msgspec.structs.replace(matcher.ranking, threshold=threshold)), metrics


def _table(metrics: dict[str, Any], threshold: float) -> Table:
    table = Table(f"{metrics['questions']} rephrasings, each held out once", "", show_header=True)
    lines = {
        "the right entry is first": f"{metrics['accuracy_at_1']:.1%}",
        "… among the first three": f"{metrics['accuracy_at_3']:.1%}",
        "mean reciprocal rank": f"{metrics['mean_reciprocal_rank']:.3f}",
        "expected calibration error": f"{metrics['calibration_error']:.3f}",
        "answered from a probability of": f"{threshold:.3f}",
        "  which answers of all questions": f"{metrics['coverage']:.1%}",
        "  of the answers are wrong": f"{metrics['risk']:.1%}",
        "  of off-topic questions are refused": f"{metrics['off_topic_refused']:.1%}",
    }
    for name, value in lines.items():
        table.add_row(name, value)
    return table
