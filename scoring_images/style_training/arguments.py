"""Looks at what a training is given before anything slow begins; read without PyTorch, which may not be there yet."""

import argparse
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from math import isfinite
from pathlib import Path

from scoring_images.style_training.errors import Refused
from scoring_images.style_training.parameters import MARGIN, Parameters

IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}
TORCHVISION_TAPS = {
    "vgg16": (4, 9, 16, 23),
    "vgg19": (4, 9, 18, 27),
    "squeezenet1_1": (2, 4, 5, 8, 10),
}
"""Networks of torchvision that can serve for features, and how many of their layers lead to each tap."""
_SIGNATURES = (
    b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM", b"RIFF", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP", b"\xffO\xffQ",
    b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"#?RADIANCE", b"v/1\x01", b"\0\0\0\x1cftyp", b"\0\0\0 ftyp",
)  # fmt: skip
"""How files of the image formats that OpenCV reads begin."""


def check(given: argparse.Namespace) -> None:
    """Raises Refused for the first argument that cannot be used."""
    for problem in problems(given):
        raise Refused(problem)


def problems(given: argparse.Namespace) -> Iterator[str]:
    """What is wrong with the arguments, one after another."""
    yield from _image("--style", given.style)
    if given.photo:
        yield from _image("--photo", given.photo)
    for place in given.content:
        if not place.exists():
            yield f"--content: there is no {place}."
    if not any(_learnable(place) for place in given.content):
        yield f"--content: there is no image and no video in {', '.join(map(str, given.content))}."
    yield from _features(given.features)
    if given.start and not zipfile.is_zipfile(given.start):
        yield f"--start: {given.start} is no checkpoint of a training."
    if given.out.exists() and not given.out.is_dir():
        yield f"--out: {given.out} is no folder."
    yield from _parameters(given)


def _image(option: str, path: Path) -> Iterator[str]:
    if not path.is_file():
        yield f"{option}: there is no file {path}."
        return
    with path.open("rb") as file:
        if not file.read(16).startswith(_SIGNATURES):
            yield f"{option}: {path} is not an image that can be read."


def _learnable(place: Path) -> bool:
    files = [place] if place.is_file() else place.rglob("*")
    return any(file.suffix.lower() in IMAGES | VIDEOS for file in files)


def _features(name: str) -> Iterator[str]:
    if name.endswith(".onnx"):
        if not Path(name).is_file():
            yield f"--features: there is no file {name}."
    elif name not in TORCHVISION_TAPS:
        known = ", ".join(TORCHVISION_TAPS)
        yield f"--features: {name} is no .onnx file, and of torchvision's networks these can serve: {known}."


def _parameters(given: argparse.Namespace) -> Iterator[str]:
    for one in fields(Parameters):
        value, least, most = getattr(given, one.name), one.metadata["least"], one.metadata["most"]
        if not (isfinite(value) and least <= value <= most):
            upper = f" to {most}" if isfinite(most) else " on"
            yield f"--{one.name.replace('_', '-')} is {value}; it can be from {least}{upper}."
    if given.crop % 4:
        yield f"--crop is {given.crop}; it must be a multiple of 4."
    if given.crop + 2 * MARGIN > given.content_side:
        yield f"--crop is {given.crop}; it must be at most --content-side less {2 * MARGIN}."
    if given.threads < 0:
        yield f"--threads is {given.threads}; it must not be negative."
