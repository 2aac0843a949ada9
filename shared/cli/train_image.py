"""`tally train image`: trains a small image classifier."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.cli.context import console, storage


def register(train: typer.Typer) -> None:
    """Add the command to the group."""
    train.command()(image)


def image(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]", help="Images as FOLDER/LABEL/*.png; none: handwritten digits.", file_okay=False
        ),
    ] = None,
    side: Annotated[int, typer.Option(min=4, max=128, help="Width and height that the network sees.")] = 16,
    color: Annotated[bool, typer.Option("--color", help="Learn colours, not brightness alone.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the bundle into this folder; nothing is published.")] = None,
) -> None:
    """Train a small classifier on images, and make it the one that answers `POST /api/score/image`.

    It learns shapes in small, simple images, such as the handwritten digits that scikit-learn carries. For photographs
    take a network that others trained: `tally models --help`.
    """
    from shared.models.image import bundle, training

    pictures = training.folder(folder) if folder else training.digits()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as bars:
        reading = bars.add_task("Reading", total=len(pictures.labels))
        pictures = replace(pictures, images=bars.track(pictures.images, task_id=reading))
        bar = bars.add_task("Training", total=training.EPOCHS)
        trained = training.train(pictures, side, color, lambda epochs: bars.advance(bar, epochs))
    held_out = trained.facts["metrics"]["held_out"]
    console.print(f"{trained.accuracy:.1%} of {held_out} images that it did not see are right.", highlight=False)
    if out:
        version = bundle.KIND.write_folder(out, trained.network, **trained.facts)
        console.print(f"{out}: version {version}", highlight=False, soft_wrap=True)
        return
    registry = bundle.registry(storage().control("bundles"))
    version = registry.write(trained.network, **trained.facts)
    registry.make_current(version)
    console.print(f"Bundle {version} is current.", highlight=False)
