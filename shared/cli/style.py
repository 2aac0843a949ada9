"""`tally style`: styles a video on this machine, as the tasks of a run do."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from shared.cli.context import ROOT, console
from shared.errors import InvalidInput, TallyError
from shared.models.registry import MANIFEST

STYLES = ROOT / ".tally" / "styles"
"""Those trained here."""

_FRAME = re.compile(r"frame (\d+) of (\d+)")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(style)


def style(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video.", exists=True, dir_okay=False)],
    style: Annotated[
        str, typer.Option(metavar="NAME", help="A style that ships, one trained here, or the folder of one.")
    ] = "wave",
    out: Annotated[Path | None, typer.Option(help="The result; default: beside the video, as VIDEO-STYLE.mp4.")] = None,
    crf: Annotated[int, typer.Option(min=0, max=51, help="Quality: 0 is lossless, 51 the worst.")] = 18,
    steady: Annotated[bool, typer.Option("--steady", help="Blend along the motion: less flicker, more time.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: one per core.")] = 0,
) -> None:
    """Style a video: every frame, its timestamps and its sound as they were.

    Beside the result come a poster, a before/after sheet and a report, as VIDEO-STYLE.jpg, -sheet.jpg and .json.
    """
    target = out or video.with_name(f"{video.stem}-{Path(style).name}.mp4")
    if target.resolve() == video.resolve():
        raise InvalidInput(f"{target} is the video itself.", "Give another --out.")
    command = [
        *(sys.executable, "-m", "scoring_images.style_transfer", "file", str(video.resolve()), str(target.resolve())),
        *("--style", _located(style), "--crf", str(crf), *(("--steady",) if steady else ())),
    ]
    _follow(command, os.environ | {"TASK_THREADS": str(threads)})
    console.print(f"{target}", highlight=False, soft_wrap=True)


def _located(style: str) -> str:
    """The folder of a style that was trained here, or that is named; else its name."""
    folders = STYLES / style, Path(style)
    return next((str(folder.resolve()) for folder in folders if (folder / MANIFEST).is_file()), style)


def _follow(command: list[str], env: dict[str, str]) -> None:
    """Run the image's own command, with a bar for the frames it tells of; raises TallyError with its last words."""
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("frames")),
        *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    )
    last = ""
    start = partial(subprocess.Popen[str], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with Progress(*columns, console=console) as bars, start(command, env=env, cwd=ROOT) as run:
        bar = bars.add_task("Looking at the video", total=None)
        for line in run.stdout or ():
            if at := _FRAME.match(line):
                bars.update(bar, description="Styling", completed=int(at[1]), total=int(at[2]))
            elif line.strip():
                last = line.strip()
                bars.console.print(last, highlight=False, markup=False, soft_wrap=True)
    if run.returncode:
        raise TallyError(f"The video was not styled: {last or f'exit code {run.returncode}'}")
