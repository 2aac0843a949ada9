"""`tally style`: styles a video on this machine, as the tasks of a run do."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.choice import chosen
from cli.complete import style_names
from cli.context import settings
from cli.files import can_write
from cli.options import AsJson
from cli.output import notes, print_json, progress, results
from cli.process import program
from cli.styles import TRAINED, local_styles
from shared.bundles.registry import MANIFEST
from shared.errors import InvalidInput, TallyError

_FRAME = re.compile(r"frame (\d+) of (\d+)")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Videos")(style)


def style(
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO", help="The video.", exists=True, dir_okay=False, readable=True)
    ],
    style: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A style that ships, one trained here, or the folder of one; default: STYLE of the settings.",
            autocompletion=style_names,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The result; default: beside the video, as VIDEO-STYLE.mp4.")] = None,
    crf: Annotated[
        int | None,
        typer.Option(min=0, max=51, help="Quality: 0 is lossless, 51 the worst; default: STYLE_CRF of the settings."),
    ] = None,
    steady: Annotated[
        bool | None,
        typer.Option(help="Blend along the motion: less flicker, more time; default: STYLE_STEADY of the settings."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=0, help="Threads; 0: one per core; default: TASK_THREADS of the settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Style a video: every frame, its timestamps and its sound as they were.

    Beside the result come a poster, a before/after sheet and a report, as VIDEO-STYLE.jpg, -sheet.jpg and .json.

    Example: `tally style holiday.mp4 --style wave`
    """
    held = settings()
    style = style or held.style
    place = _located(style)
    target = can_write(out or video.with_name(f"{video.stem}-{Path(style).name}.mp4"))
    if target.resolve() == video.resolve():
        raise InvalidInput(f"{target} is the video itself.", "Give another --out.")
    files = [target, *(target.with_name(f"{target.stem}{ending}") for ending in (".jpg", "-sheet.jpg", ".json"))]
    for file in files:
        can_write(file)
    quality = held.style_crf if crf is None else crf
    command = [
        *(sys.executable, "-m", "scoring_images.style_transfer", "file", f"--style={place}", "--crf", str(quality)),
        *(("--steady",) if (held.style_steady if steady is None else steady) else ()),
        *(str(video.resolve()), str(target.resolve())),
    ]
    _follow(command, os.environ | {"TASK_THREADS": str(held.task_threads if threads is None else threads)})
    if as_json:
        print_json({"video": str(target), "style": style, "files": list(map(str, files))})
    else:
        results.print(str(target))


def _located(style: str) -> str:
    """The folder of a style that was trained here, or that is named; else its name. Raises NotFound for others."""
    folders = TRAINED / style, Path(style)
    if found := next((str(folder.resolve()) for folder in folders if (folder / MANIFEST).is_file()), None):
        return found
    names = local_styles()
    return chosen(style, names, "style", f"There are: {', '.join(names)}. `tally train style` makes more.")


def _follow(command: list[str], env: dict[str, str]) -> None:
    """Run the image's own command, with a bar for the frames it tells of; raises TallyError with its last words."""
    last = ""
    with progress("frames") as bars, program(command, env) as run:
        bar = bars.add_task("Looking", total=None)
        for line in run.stdout or ():
            if at := _FRAME.match(line):
                bars.update(bar, description="Styling", completed=int(at[1]), total=int(at[2]))
                continue
            if last:
                notes.print(last)
            last = line.strip() or last
        if run.wait():
            raise TallyError(last or f"The video was not styled: exit code {run.returncode}.")
    if last:
        notes.print(last)
