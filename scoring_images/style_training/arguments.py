"""Looks at what a training is given before anything slow begins; read without PyTorch, which may not be there yet."""

import argparse
import zipfile
from collections.abc import Iterator, Sequence
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
    yield from _content(given.content)
    yield from _features(given.features, [tap for tap in given.taps.split(",") if tap])
    if given.start and not zipfile.is_zipfile(given.start):
        yield f"--start: {given.start} is no checkpoint of a training."
    if given.out.exists() and not given.out.is_dir():
        yield f"--out: {given.out} is no folder."
    yield from _parameters(given)


def _image(option: str, path: Path) -> Iterator[str]:
    from scoring_images.style_training.content import ContentError, read_image

    if not path.is_file():
        yield f"{option}: there is no file {path}."
        return
    try:
        read_image(path)
    except ContentError as error:
        yield f"{option}: {error}"


def _content(places: Sequence[Path]) -> Iterator[str]:
    import cv2

    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    images = [file for file in files if file.suffix.lower() in IMAGES]
    if not images and not any(file.suffix.lower() in VIDEOS for file in files):
        yield f"--content: there is no image and no video in {', '.join(map(str, places))}."
    for image in images:
        if not cv2.haveImageReader(str(image)):
            yield f"--content: {image} is not an image that can be read."


def _features(name: str, taps: Sequence[str]) -> Iterator[str]:
    if name.endswith(".onnx"):
        yield from _network(Path(name), taps)
    elif name not in TORCHVISION_TAPS:
        known = ", ".join(TORCHVISION_TAPS)
        yield f"--features: {name} is no .onnx file, and of torchvision's networks these can serve: {known}."


def _network(path: Path, taps: Sequence[str]) -> Iterator[str]:
    import onnx

    if not path.is_file():
        yield f"--features: there is no file {path}."
        return
    try:
        nodes = onnx.load(str(path), load_external_data=False).graph.node
    except Exception:  # noqa: BLE001 - a parser may say anything of a file that is of another kind
        nodes = []
    outputs = [node.output[0] for node in nodes if node.output]
    if not outputs:
        yield f"--features: {path} is no network in ONNX."
    elif missing := [tap for tap in taps if tap not in outputs]:
        yield f"--taps: {path} has no output {missing[0]}; it has, for example, {', '.join(outputs[:8])}."


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
