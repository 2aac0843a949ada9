"""`tally upload`: a video into storage, where it is styled."""

from pathlib import Path
from typing import Annotated

import typer

from cli.choice import chosen
from cli.complete import style_names
from cli.context import driver, settings, storage
from cli.options import AsJson
from cli.output import print_json, results
from cli.styles import shipped_styles, stored_styles
from shared.style_transfer import workload as style_transfer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Videos")(upload)


def upload(
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO", help="The video.", exists=True, dir_okay=False, readable=True)
    ],
    style: Annotated[
        str,
        typer.Option(metavar="NAME", help="A style; default: STYLE of the settings.", autocompletion=style_names),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Put a video into the container `videos`, whose uploads are styled, and start its run.

    Example: `tally upload holiday.mp4 --style starry-night`
    """
    style_transfer.Options(style=style or None)  # refused before anything is sent
    if style:
        names = sorted({*shipped_styles(), *stored_styles(storage().control("bundles"))})
        chosen(style, names, "style", f"There are: {', '.join(names)}. `tally train style` makes more.")
    with video.open("rb") as film:
        metadata = {"style": style} if style else {}
        etag = storage().data(style_transfer.VIDEOS).put(video.name, film, metadata=metadata)
    style_transfer.start(driver(), storage(), settings(), video.name, etag)
    run_id = style_transfer.run_id_of(video.name, etag)
    if as_json:
        print_json({"run": run_id, "video": video.name})
    else:
        results.print(f"{run_id} has started: `tally runs watch {run_id}` follows it.")
