"""`tally train image`: trains a small image classifier."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cli.context import storage
from cli.files import can_fill, writing
from cli.options import AsJson, Out
from cli.output import print_json, progress, results


def register(train: typer.Typer) -> None:
    """Add the command to the group."""
    train.command()(image)


def image(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="Images as FOLDER/LABEL/*.png; none: handwritten digits.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    side: Annotated[int, typer.Option(min=4, max=128, help="Width and height that the network sees.")] = 16,
    color: Annotated[bool, typer.Option("--color", help="Learn colours, not brightness alone.")] = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train a small classifier on images, and make it the one that answers `POST /api/score/image`.

    It learns shapes in small, simple images, such as the handwritten digits that scikit-learn carries. For photographs
    take a network that others trained: `tally models --help`.

    Example: `tally train image icons --side 32 --color`
    """
    from shared.image_classification import bundle, training

    if out:
        can_fill(out)
    else:
        storage().control("bundles").any("")  # that it answers shows before the training, not after
    pictures = training.folder(folder) if folder else training.digits()
    with progress("done") as bars:
        reading = bars.add_task("Reading", total=len(pictures.labels))
        pictures = replace(pictures, images=bars.track(pictures.images, task_id=reading))
        bar = bars.add_task("Training", total=training.EPOCHS)
        trained = training.train(pictures, side, color, lambda epochs: bars.advance(bar, epochs))
    if out:
        with writing(out):
            version = bundle.KIND.write_folder(out, trained.network, **trained.facts)
    else:
        registry = bundle.registry(storage().control("bundles"))
        version = registry.write(trained.network, **trained.facts)
        registry.make_current(version)
    metrics = trained.facts["metrics"]
    if as_json:
        print_json({"kind": "image", "version": version, "folder": out and str(out), "metrics": metrics})
        return
    results.print(f"{trained.accuracy:.1%} of {metrics['held_out']} images that it did not see are right.")
    results.print(f"{out}: version {version}" if out else f"Bundle {version} is current.")
