"""`tally train faq`: learns to match questions to the entries of a FAQ, and says how well."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import storage
from cli.files import can_fill, writing
from cli.options import AsJson, Out
from cli.output import notes, print_facts, print_json, progress, results

if TYPE_CHECKING:
    from shared.faq_matching.entries import Entry
    from shared.faq_matching.matcher import Matcher

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
    out: Out = None,
    discard_changes: Annotated[
        bool, typer.Option("--discard-changes", help="Forget what was changed over HTTP before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn a FAQ, and make it the one that answers `POST /api/score/faq`.

    FILE is a JSON list such as

    `[{"id": "refund", "question": "Can I have my money back?", "answer": "Yes, within 30 days.", "also":
    ["How do refunds work?"]}]`

    or Stack Exchange threads, or a table with a column `question` or `Text0` and, if there are any, `id` and `answer`.
    Without an id an entry is known by its question. HTML is cleaned. `also` are other ways to ask the same: the more of
    them and the more like people's own words, the better. Rows of one id are phrasings of one entry.

    How good it is, is measured on rephrasings that were held out. The same file gives the same version.

    Example: `tally train faq faq.json --risk 0.05`
    """
    from shared.faq_matching import bundle, edits
    from shared.faq_matching.reading import read_entries

    entries = read_entries(file)
    if out:
        can_fill(out)
    else:
        storage().control("bundles").any("")  # that it answers shows before the training, not after
    matcher, metrics = learned(entries, folds, risk, seed)
    if metrics and not as_json:
        _show(metrics, matcher.threshold)
    if out:
        with writing(out):
            version = bundle.write_folder(out, matcher, metrics)
    else:
        store = storage().control("bundles")
        version = bundle.publish(store, matcher, metrics)
    if as_json:
        held = {"kind": "faq", "version": version, "folder": out and str(out), "entries": len(entries)}
        print_json(held | {"threshold": matcher.threshold, "metrics": metrics})
    else:
        results.print(f"{out}: version {version}" if out else f"Bundle {version} is current: {len(entries)} entries.")
    if out:
        return
    if discard_changes:
        edits.discard(store)
    elif changes := edits.count(edits.read_edits(store)):
        notes.print(f"{changes} changes made over HTTP stay in force above it; --discard-changes forgets them.")


def learned(entries: "Sequence[Entry]", folds: int, risk: float | None, seed: int) -> "tuple[Matcher, dict[str, Any]]":
    """The matcher with its threshold, and what was measured: nothing where no entry has other phrasings."""
    import msgspec

    from shared.faq_matching.quality import RISK, Quality, curve_of, threshold_for
    from shared.faq_matching.training import cross_validate, steps, train

    with progress("steps") as bars:
        bar = bars.add_task("Holding rephrasings out", total=steps(entries, folds))
        outcomes = cross_validate(entries, folds=folds, seed=seed, progress=lambda count: bars.advance(bar, count))
        bars.update(bar, description="Learning from all")
        matcher = train(entries, progress=lambda count: bars.advance(bar, count))
        bars.update(bar, completed=steps(entries, folds))
    if not outcomes:
        notes.print(
            "No entry has other phrasings (`also`): nothing could be learned or measured. Weights and threshold\n"
            "are those of the FAQ that ships. Some phrasings per entry make a great difference."
        )
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
    return matcher.weighed(msgspec.structs.replace(matcher.ranking, threshold=threshold)), metrics


def _show(metrics: dict[str, Any], threshold: float) -> None:
    results.print(f"{metrics['questions']} rephrasings, each held out once", style="bold")
    print_facts(
        (
            ("the right entry is first", f"{metrics['accuracy_at_1']:.1%}"),
            ("… among the first three", f"{metrics['accuracy_at_3']:.1%}"),
            ("mean reciprocal rank", f"{metrics['mean_reciprocal_rank']:.3f}"),
            ("expected calibration error", f"{metrics['calibration_error']:.3f}"),
            ("answered from a probability of", f"{threshold:.3f}"),
            ("  which answers of all questions", f"{metrics['coverage']:.1%}"),
            ("  of the answers are wrong", f"{metrics['risk']:.1%}"),
            ("  of off-topic questions are refused", f"{metrics['off_topic_refused']:.1%}"),
        ),
        width=37,
    )
    if metrics["risk"] > DOUBTFUL:
        notes.print(
            f"{metrics['risk']:.0%} wrong answers are many. More entries and more phrasings help; so does --risk 0.1,\n"
            "which answers only what is surer."
        )
