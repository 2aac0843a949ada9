"""`tally models`: shows which models there are, makes one current, and adds image classifiers that others trained."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from shared.cli.context import ROOT, console, storage
from shared.errors import InvalidInput, NotFound
from shared.models.registry import MANIFEST, Registry, names

if TYPE_CHECKING:
    from shared.models.image.quantize import Compared

models = typer.Typer(help="Show, choose and add models.", no_args_is_help=True)
CACHE = ROOT / ".tally" / "models"
CALIBRATION, MOST = 50, 500  # images: that set the ranges, that are looked at
MAX_PIXELS = 100_000_000
Three = Annotated[str | None, typer.Option(metavar="R,G,B", help="Of values from 0 to 1, by channel.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models() -> None:
    """Show every bundle in storage, newest last, and which of each kind is current."""
    table = Table("kind", "version", "current", "written, UTC", "bytes")
    for kind, registry in _registries().items():
        current = registry.current()
        for written, version in _written(registry):
            size = registry.manifest(version).size
            table.add_row(kind, version, "yes" if version == current else "", f"{written:%F %T}", f"{size:,}")
    if not table.row_count:
        console.print("There are no bundles in storage: the models that ship answer. `tally train` makes others.")
        return
    console.print(table)


@models.command()
def use(
    kind: Annotated[str, typer.Argument(help="As `tally models list` shows it: anomaly, faq, image, style/NAME.")],
    version: Annotated[str, typer.Argument(help="The version.")],
) -> None:
    """Make a version current: runs that start from now on use it, and real-time scoring within seconds."""
    registry = _registries().get(kind)
    if registry is None:
        raise NotFound(f"There are no models of kind {kind!r}.", "`tally models list` shows what there is.")
    registry.make_current(version)
    console.print(f"Bundle {version} of {kind} is current.", highlight=False)


@models.command()
def add(
    network: Annotated[Path, typer.Argument(help="An image classifier as one ONNX file.", exists=True, dir_okay=False)],
    labels: Annotated[Path, typer.Option(help="A label in each line, or a JSON list.", exists=True, dir_okay=False)],
    preset: Annotated[
        Literal["torchvision", "keras", "caffe"], typer.Option(help="What the other options are unless given.")
    ] = "torchvision",
    resize: Annotated[int | None, typer.Option(min=1, help="The shorter side that images are resized to.")] = None,
    crop: Annotated[int | None, typer.Option(min=1, help="The side of the square cut out of the middle.")] = None,
    mean: Three = None,
    std: Three = None,
    channels: Annotated[Literal["RGB", "BGR", "L"] | None, typer.Option(help="The order of the channels.")] = None,
    layout: Annotated[Literal["NCHW", "NHWC"] | None, typer.Option(help="Where they are in the input.")] = None,
    numbers: Annotated[
        Literal["float32", "float16", "uint8"] | None, typer.Option("--input", help="The type of its input.")
    ] = None,
    interpolation: Annotated[
        Literal["bilinear", "bicubic"] | None, typer.Option("--filter", help="How images are resized.")
    ] = None,
    softmax: Annotated[bool, typer.Option(help="The network gives scores, not probabilities.")] = True,
    out: Annotated[Path | None, typer.Option(help="Write the bundle into this folder; nothing is published.")] = None,
) -> None:
    """Serve an image classifier that was trained elsewhere.

    Presets: *torchvision*: 256, 224, ImageNet's mean and deviation. *keras*: values from -1 to 1, NHWC, as MobileNet
    and Inception have them. *caffe*: blue first, values from 0 to 255 less the mean, NHWC, as VGG and ResNet of Keras.

    It is tried before it is published: input, output and labels have to fit.
    """
    from shared.models.image.preprocessing import PRESETS

    given = {
        "resize": resize, "crop": crop, "mean": _three(mean), "std": _three(std), "channels": channels,
        "layout": layout, "input": numbers, "filter": interpolation,
    }  # fmt: skip
    facts = {
        "labels": read_labels(labels.read_text()),
        "preprocessing": msgspec.structs.replace(
            PRESETS[preset], **{name: value for name, value in given.items() if value}
        ),
        "softmax": softmax,
        "source": {"file": network.name},
        "metrics": {},
    }
    _keep(network.read_bytes(), facts, out)


@models.command()
def pull(
    name: Annotated[Literal["resnet152"], typer.Argument(help="A published network.")],
    out: Annotated[Path | None, typer.Option(help="Write the bundle into this folder; nothing is published.")] = None,
) -> None:
    """Download a published image classifier, check that it is the one that was meant, and serve it.

    A download that broke off goes on where it stopped. resnet152: 241 MB, torchvision's weights as safetensors.
    """
    from shared.models.image.recipes import RECIPES

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("Downloading", total=None)
        told = lambda size, total: bars.update(bar, completed=size, total=total or None)  # noqa: E731
        network, facts = RECIPES[name].fetch(CACHE, told)
    _keep(network, facts, out)


@models.command()
def quantize(
    images: Annotated[Path, typer.Argument(help="100 or more images like those it will see.", file_okay=False)],
    publish: Annotated[bool, typer.Option("--publish", help="Make the copy current.")] = False,
) -> None:
    """Make an eight-bit copy of the current image classifier, and say what it gains and loses on the images.

    Half of the images set the ranges of the copy, the other half compare the two. Images in folders named as labels
    tell how many are right; the others, how often the best label is another one.
    """
    from shared.models.image import bundle
    from shared.models.image.classifier import Classifier
    from shared.models.image.quantize import compared, quantized

    store = storage().control("bundles")
    current = bundle.current(store)
    held = bundle.opened(current, threads=1)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images")
    with Progress(*columns, console=console) as bars:
        files = _images(images)
        inputs = [
            held.classifier.prepare(file.read_bytes(), MAX_PIXELS) for file in bars.track(files, description="Reading")
        ]
        made = quantized(current.content, held.classifier.input.name, inputs[::2][:CALIBRATION])
        facts = {name: getattr(held.manifest, name) for name in ("labels", "preprocessing", "softmax", "source")}
        copy = Classifier.open(made, facts["labels"], facts["preprocessing"], softmax=facts["softmax"], threads=1)
        bar = bars.add_task("Comparing", total=len(inputs[1::2]))
        truth = [file.parent.name for file in files[1::2]]
        found = compared(held.classifier, copy, inputs[1::2], truth, lambda done: bars.advance(bar, done))
    _say(found, len(current.content) / len(made))
    if publish:
        _keep(made, facts | {"metrics": {"same_label": round(found.same_label, 4), "of": held.version}}, None)
    else:
        console.print("Nothing was published; --publish makes it current.")


def read_labels(text: str) -> tuple[str, ...]:
    """Labels from a JSON list, Keras' class index, or one in a line. Raises InvalidInput for others."""
    from shared.models.image.recipes import class_names

    try:
        found = json.loads(text)
    except ValueError:
        return tuple(text.strip().splitlines())
    try:
        if isinstance(found, dict):
            return class_names(msgspec.convert(found, dict[str, tuple[str, str]]))
        return msgspec.convert(found, tuple[str, ...])
    except (msgspec.ValidationError, KeyError) as error:
        raise InvalidInput("The labels are no JSON list of texts.", "Write one label in a line.") from error


def _keep(network: bytes, facts: dict[str, Any], out: Path | None) -> None:
    """Try the classifier, then publish it or write it into a folder."""
    from shared.models.image import bundle
    from shared.models.image.classifier import Classifier

    Classifier.open(network, facts["labels"], facts["preprocessing"], softmax=facts["softmax"], threads=1)
    if out:
        version = bundle.KIND.write_folder(out, network, **facts)
        console.print(f"{out}: version {version}", highlight=False, soft_wrap=True)
        return
    registry = bundle.registry(storage().control("bundles"))
    version = registry.write(network, **facts)
    registry.make_current(version)
    console.print(f"Bundle {version} is current: {len(facts['labels'])} labels.", highlight=False)


def _say(found: "Compared", smaller: float) -> None:
    if found.labelled:
        console.print(
            f"Right: {found.right / found.labelled:.1%}, the copy {found.copy_right / found.labelled:.1%}, "
            f"of {found.labelled} images in folders named as their label.",
            highlight=False,
        )
    console.print(
        f"{found.same_label:.1%} of {found.images} images keep their best label; a probability changes by "
        f"{found.largest_difference:.3f} at most.\n{found.seconds / found.copy_seconds:.2f} times as fast on one core "
        f"({found.seconds * 1000:.1f} ms, {found.copy_seconds * 1000:.1f} ms an image), {smaller:.1f} times smaller.",
        highlight=False,
    )


def _images(folder: Path) -> list[Path]:
    """The images of a folder, or as many of them, evenly, as are worth their time."""
    from shared.models.image.training import SUFFIXES

    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise InvalidInput(f"{folder} holds no two images.", "Give a folder with images like those it will see.")
    return files[:: -(-len(files) // MOST)]


def _written(registry: Registry[Any]) -> list[tuple[datetime, str]]:
    """The versions by the time that they were written, which is that of their manifest."""
    infos = registry.store.list(f"{registry.folder}/")
    return sorted((info.modified, info.name.split("/")[-2]) for info in infos if info.name.endswith(f"/{MANIFEST}"))


def _three(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"{text!r} is not three numbers.", "Write them like 0.485,0.456,0.406.") from None
    return red, green, blue


def _registries() -> dict[str, Registry[Any]]:
    """The bundles of every kind there is."""
    from shared.models import bundle as anomaly
    from shared.models import style
    from shared.models.faq import bundle as faq
    from shared.models.image import bundle as image

    store = storage().control("bundles")
    kinds = {"anomaly": anomaly.registry(store), "faq": faq.registry(store), "image": image.registry(store)}
    return kinds | {f"style/{name}": style.registry_of(store, name) for name in names(store, style.FOLDER)}
