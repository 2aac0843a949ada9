"""How much the styles flicker, beside networks as in the paper: `python -m bench.flicker [--untreated FOLDER ...]`.

In grey levels: by how much shifts of 1 and 2 pixels change the re-aligned output for a photograph, and how much two
frames of a clip differ after styling, along the clip's motion; the latter also with `--steady`. An untreated network is
one trained by `tally train style --no-smooth --stability-weight 0`; compare it at equal style loss.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from scoring_images.style_transfer.flicker import SHIFTS, frames_error, shift_errors
from scoring_images.style_transfer.network import Network
from scoring_images.style_transfer.steady import WARM_UP, Steadier
from shared.style_transfer.styles import KIND

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
STYLES = ROOT / "scoring_images" / "style_transfer" / "styles"
UNTREATED = ROOT / ".tally" / "styles"
PHOTO = DATA / "images" / "cat_720p.jpg"
CLIPS = ("mdn_flower", "mdn_friday", "intel_car-detection", "intel_bottle-detection")
WIDTH, FIRST, FRAMES = 480, 20, 10
MEMORY = 2_000_000_000

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Measured:
    """A network's style loss, its errors under each shift, and along the motion of each clip: plain and steadied."""

    name: str
    style_loss: float
    shifts: tuple[float, ...]
    clips: tuple[tuple[float, float], ...]

    @property
    def plain(self) -> tuple[float, ...]:
        return (self.style_loss, *self.shifts, *(plain for plain, _ in self.clips))

    @property
    def steady(self) -> tuple[float, ...]:
        return (self.style_loss, *[np.nan] * len(self.shifts), *(steady for _, steady in self.clips))


def measure(folder: Path) -> Measured:
    """Measure the style in a folder."""
    style = KIND.read_folder(folder)
    network = Network.open(style.content, memory_bytes=MEMORY)
    shifts = shift_errors(network.style, read_photo())
    clips = tuple(clip_errors(network, list(read_frames(DATA / "video" / f"{clip}.mp4"))) for clip in CLIPS)
    return Measured(folder.name, style.manifest.metrics["style_loss"], tuple(shifts[shift] for shift in SHIFTS), clips)


def clip_errors(network: Network, frames: Sequence[Picture]) -> tuple[float, float]:
    """The mean warped error over pairs of frames, plain and steadied; cuts are left out, the first WARM_UP warm up."""
    styled, steadier = [network.style(frame[None])[0] for frame in frames], Steadier()
    steadied = [steadier.blend(*pair) for pair in zip(frames, styled, strict=True)]
    return _error(frames[WARM_UP:], styled[WARM_UP:]), _error(frames[WARM_UP:], steadied[WARM_UP:])


def _error(frames: Sequence[Picture], shown: Sequence[Picture]) -> float:
    pairs = zip(pairwise(frames), pairwise(shown), strict=True)
    return float(np.nanmean([frames_error(*plain, *painted) for plain, painted in pairs]))


def read_photo() -> Picture:
    """The photograph that is shifted, 640 pixels wide."""
    photo = cv2.imread(str(PHOTO), cv2.IMREAD_COLOR)
    if photo is None:
        raise SystemExit(f"There is no {PHOTO}.")
    return reduced(np.ascontiguousarray(photo[:, :, ::-1], np.uint8), 642)


def read_frames(path: Path) -> Iterator[Picture]:
    """FRAMES frames of a clip from the FIRST on, after WARM_UP that come before, WIDTH pixels wide."""
    with av.open(str(path)) as file:
        for frame in islice(file.decode(video=0), FIRST - WARM_UP, FIRST + FRAMES):
            yield reduced(frame.to_ndarray(format="rgb24").astype(np.uint8), WIDTH)


def reduced(picture: Picture, width: int) -> Picture:
    """The picture at this width."""
    height = round(picture.shape[0] * width / picture.shape[1])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """Print the table: styles that ship, untreated ones, and what share of an untreated one's flicker is left."""
    parser = argparse.ArgumentParser(prog="python -m bench.flicker", description=__doc__)
    parser.add_argument("--untreated", type=Path, nargs="*", help="folders; default: .tally/styles/*-untreated")
    given = parser.parse_args().untreated
    untreated = sorted(UNTREATED.glob("*-untreated*")) if given is None else given
    treated = {path.parent.name: measure(path.parent) for path in sorted(STYLES.glob("*/manifest.json"))}
    heads = (
        "style loss",
        "1 px right",
        "1 px down",
        "2 px right",
        "2 px down",
        *(clip.split("_")[1] for clip in CLIPS),
    )
    table = Table("network", *heads, box=None)
    for one in treated.values():
        _row(table, one.name, one.plain)
        _row(table, f"{one.name} --steady", one.steady)
    for twin in map(measure, untreated):
        _row(table, twin.name, twin.plain)
        if same := treated.get(twin.name.partition("-untreated")[0]):
            _row(table, f"{same.name}: share of it", np.divide(same.plain, twin.plain))
            _row(table, f"{same.name} --steady: share of it", np.divide(same.steady, twin.plain))
    Console(width=160).print(table)
    if not untreated:
        print("No untreated network to compare with; docs/styles.md says how to train one.")


def _row(table: Table, name: str, numbers: Sequence[float] | NDArray[np.float64]) -> None:
    table.add_row(name, *("" if np.isnan(number) else f"{number:.2f}" for number in numbers))


if __name__ == "__main__":
    main()
