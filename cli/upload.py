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
    from shared.app import make_intake
    from shared.runs.uploads import run_id_of
    from shared.style_transfer.workload import STYLE, VIDEOS, Options

    Options(style=style or None)  # refused before anything is sent
    if style:
        names = sorted({*shipped_styles(), *stored_styles(storage().control("bundles"))})
        chosen(style, names, "style", f"There are: {', '.join(names)}. `tally train style` makes more.")
    with video.open("rb") as film:
        metadata = {"style": style} if style else {}
        etag = storage().data(VIDEOS).put(video.name, film, metadata=metadata)
    make_intake(settings(), storage(), driver()).start(STYLE, video.name, etag)
    run_id = run_id_of(STYLE.name, VIDEOS, video.name, etag)
    if as_json:
        print_json({"run": run_id, "video": video.name})
    else:
        results.print(f"{run_id} has started: `tally runs watch {run_id}` follows it.")
