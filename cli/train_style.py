"""`tally train style`: a style network for any painting, trained in an environment that has PyTorch."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import CODE, ROOT, storage
from cli.files import can_fill, writing
from cli.options import AsJson
from cli.output import notes, print_json, progress, results
from cli.process import program
from cli.styles import TRAINED
from shared.compute.logs import last_line
from shared.errors import InvalidInput, TallyError, Transient

if TYPE_CHECKING:
    from rich.progress import Progress

PACKAGE = CODE / "scoring_images" / "style_training"
ENVIRONMENT = ROOT / ".tally" / "training"
_STEP = re.compile(r"step (\d+) of (\d+) (.+)")
_INTERRUPTED = 130, -signal.SIGINT
_ENVIRONMENT = {
    "OMP_WAIT_POLICY": "passive",  # threads that spin while they wait only take each other's time
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),  # glibc: memory that is given back and fetched anew in every step
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),  # costs a tenth of the time
}
_LINE = 100  # steps between two lines in a log, where no bar is to be seen


def register(train: typer.Typer) -> None:
    """Add the command to the group."""
    train.command("style")(train_style)


def train_style(
    painting: Annotated[Path, typer.Option("--style", metavar="PAINTING", help="Image of the painting.")],
    content: Annotated[list[Path], typer.Option(help="Folder of photographs and videos to learn on; repeatable.")],
    name: Annotated[str, typer.Option(help="Name of the style: lower-case letters, digits, '-'.")],
    features: Annotated[
        str, typer.Option(help="Network that the losses see by: an ONNX file (SqueezeNet, VGG), or one of torchvision.")
    ],
    taps: Annotated[str, typer.Option(help="Outputs in that file to compare at, with commas; else chosen.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where the style goes; default: .tally/styles/NAME.")] = None,
    width: Annotated[int, typer.Option(min=4, max=128, help="Channels of the first layer: detail against speed.")] = 16,
    blocks: Annotated[int, typer.Option(min=1, max=16, help="Residual blocks: larger shapes.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Steps at most; fewer where it no longer improves.")] = 2000,
    batch: Annotated[int, typer.Option(min=1, help="Photographs per step.")] = 2,
    crop: Annotated[int, typer.Option(min=64, help="Side of the squares cut out of photographs.")] = 128,
    style_side: Annotated[int, typer.Option(min=64, help="Short side of the painting: sets the strokes' size.")] = 256,
    content_side: Annotated[int, typer.Option(min=64, help="Short side of the photographs.")] = 320,
    style_weight: Annotated[float, typer.Option(help="How much the painting counts; below 1 only a tint.")] = 3.0,
    stability_weight: Annotated[float, typer.Option(help="How much steadiness under motion and noise counts.")] = 10.0,
    variation_weight: Annotated[float, typer.Option(help="How much smoothness counts.")] = 0.01,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 1e-3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same network on the same machine.")] = 1,
    smooth: Annotated[bool, typer.Option(help="Guard the network's sampling against flicker.")] = True,
    title: Annotated[str, typer.Option(help="Of the painting; default: the file's name.")] = "",
    artist: Annotated[str, typer.Option(help="Of the painting.")] = "",
    year: Annotated[int | None, typer.Option(help="Of the painting.")] = None,
    licence: Annotated[str, typer.Option(help="Under which the painting may be used.")] = "",
    photo: Annotated[Path | None, typer.Option(help="Photograph of the preview; default: one of the content.")] = None,
    start: Annotated[
        Path | None, typer.Option(help="checkpoint.npz of a style to begin from: a few hundred steps are then enough.")
    ] = None,
    python: Annotated[
        Path | None,
        typer.Option(help="A Python with PyTorch; else .tally/training is made.", exists=True, dir_okay=False),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Threads; 0: one per core.")] = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, whatever was trained before.")] = False,
    publish: Annotated[
        bool, typer.Option(help="Make it the style of this name for runs that start from now on.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Train a network that paints like PAINTING, in one pass per frame, and keep it as a style.

    Johnson et al. 2016, with losses that keep it steady from frame to frame. Ctrl-C leaves a checkpoint; the same
    command goes on from there. Everything that it is given is looked at before anything is installed.

    Example: `tally train style --style sea.jpg --content photos --name sea --features SqueezeNet.onnx`
    """
    from shared.style_transfer.styles import check_name

    folder = out or TRAINED / check_name(name)
    check_name(name)
    can_fill(folder)
    numbers = {
        **{"width": width, "blocks": blocks, "steps": steps, "batch": batch, "crop": crop, "rate": rate, "seed": seed},
        **{"style-side": style_side, "content-side": content_side, "style-weight": style_weight},
        **{"stability-weight": stability_weight, "variation-weight": variation_weight, "threads": threads},
    }
    places = {"out": folder, "style": painting, "photo": photo, "start": start}
    options = [
        *((name, path.resolve()) for name, path in places.items() if path),
        *(("content", path.resolve()) for path in content),
        *(("features", _located(features)), ("taps", taps), *numbers.items()),
    ]
    given = [
        *("-m", "scoring_images.style_training"),
        *(f"--{name}={value}" for name, value in options),  # "=": a value may begin with "-"
        *(("--restart",) if restart else ()),
        "--smooth" if smooth else "--no-smooth",
    ]
    _check_arguments(given)
    _follow([str(python or _python()), *given])
    about = {"title": title or painting.stem, "artist": artist, "year": year, "licence": licence}
    _keep(name, folder, {key: value for key, value in about.items() if value}, publish, as_json)


def _check_arguments(given: list[str]) -> None:
    """Have the training look at what it is given, which needs no PyTorch; raises InvalidInput with what it says."""
    done = subprocess.run([sys.executable, *given, "--check"], cwd=CODE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InvalidInput(last_line(done.stderr))


def _located(features: str) -> str:
    return str(Path(features).resolve()) if features.endswith(".onnx") else features


def _python() -> Path:
    """An interpreter with PyTorch: this one, or that of an environment which is made where there is none."""
    if importlib.util.find_spec("torch"):
        return Path(sys.executable)
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "complete").exists():
        _install(python)
    return python


def _install(python: Path) -> None:
    """Make the environment; raises Transient where that fails."""
    notes.print(
        f"PyTorch is not here: installing it with what training needs into {ENVIRONMENT}.\n"
        "This happens once and takes some minutes: about 3 GB on Linux, with the libraries for NVIDIA GPUs.\n"
        "`--python PATH` uses a Python of yours that has torch, onnx, numpy and opencv instead."
    )
    uv = [sys.executable, "-m", "uv"]
    requirements = ("--require-hashes", "--only-binary", ":all:", "-r", str(PACKAGE / "requirements.txt"))
    for command in (
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)],
        [*uv, "pip", "install", "--python", str(python), *requirements],
    ):
        if subprocess.run(command, check=False).returncode:
            raise Transient("PyTorch could not be installed.", "Try again, or name a Python that has it: --python.")
    (ENVIRONMENT / "complete").touch()


def _follow(command: Sequence[str]) -> None:
    """Run the training with a bar for its steps; raises InvalidInput or TallyError with its last words."""
    last = ""
    with progress("steps") as bars, program(command, os.environ | _ENVIRONMENT) as run:
        bar = bars.add_task("Reading", total=None)
        try:
            for line in run.stdout or ():
                last = _show(bars, bar, line.strip(), last)
        except KeyboardInterrupt:
            run.send_signal(signal.SIGINT)
            last = ([last, *filter(None, map(str.strip, run.stdout or ()))])[-1]  # said while it keeps its checkpoint
        _check(run.wait(), last)
    if last:
        notes.print(last)


def _show(bars: "Progress", bar: Any, line: str, last: str) -> str:
    """Move the bar, or print the line before this one; the last line, which is for who knows how it all ended."""
    if at := _STEP.fullmatch(line):
        bars.update(bar, description=at[3], completed=int(at[1]), total=int(at[2]))
        if not notes.is_terminal and int(at[1]) % _LINE == 0:
            notes.print(line)
        return last
    if line and last:
        notes.print(last)
    return line or last


def _check(code: int, last: str) -> None:
    if code in _INTERRUPTED:
        notes.print(last or "Stopped.")
        raise typer.Exit(_INTERRUPTED[0])
    if code == 2:
        raise InvalidInput(last or "The training refused what it was given.")
    if code:
        raise TallyError(f"The training failed: {last or f'exit code {code}'}")


def _keep(name: str, folder: Path, painting: dict[str, Any], publish: bool, as_json: bool) -> None:
    """Make the result a style: a manifest beside the network, and a copy in storage for runs."""
    from shared.style_transfer.styles import KIND, NETWORK

    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    network = (folder / NETWORK).read_bytes()
    facts["painting"] = painting
    with writing(folder):
        version = KIND.write_folder(folder, network, name=name, **facts)
    published = publish and _published(name, network, facts)
    if as_json:
        held = {"kind": f"style/{name}", "version": version, "folder": str(folder), "published": published}
        print_json(held | {"metrics": facts["metrics"]})
        return
    results.print(f"{folder}: {len(network):,} bytes, version {version}")
    shown = name if folder.parent == TRAINED else folder
    notes.print(f"Look at its preview.jpg, and try it: `tally style VIDEO --style {shown}`.")
    if published:
        notes.print(f"Runs can use it from now on: uploads with the metadata style={name}.")


def _published(name: str, network: bytes, facts: dict[str, Any]) -> bool:
    from shared.style_transfer.styles import publish

    try:
        publish(storage().control("bundles"), name, network, **facts)
    except TallyError as error:
        notes.print(f"Not published, as storage does not answer: {error.message}")
        notes.print("The same command publishes it later without training again.")
        return False
    return True
