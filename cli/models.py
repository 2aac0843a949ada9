"""`tally models`: shows which models there are, makes one current, and adds image classifiers that others trained."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from cli.complete import kinds, versions
from cli.context import ROOT, storage
from cli.files import can_fill, read_text, writing
from cli.model_kinds import Version, all_kinds, kind_named
from cli.options import AsJson, Out
from cli.output import notes, print_json, print_table, progress, results, shown_time
from shared.errors import InvalidInput

if TYPE_CHECKING:
    from shared.image_classification.quantize import Compared

models = typer.Typer(help="Show, choose and add models.", no_args_is_help=True)
CACHE = ROOT / ".tally" / "models"
CALIBRATION, MOST = 50, 500  # images: that set the ranges, that are looked at
MAX_PIXELS = 100_000_000
Three = Annotated[str | None, typer.Option(metavar="R,G,B", help="Of values from 0 to 1, by channel.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(models, name="models", rich_help_panel="Models")


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show every version of every kind of models, those that ship with Tally first, and which is current.

    Example: `tally models list`
    """
    found = [version for kind in all_kinds(storage().control("bundles")) for version in kind.versions()]
    if as_json:
        for version in found:
            print_json(version)
    else:
        print_table(("kind", "version", "current", "written", "bytes"), map(_row, found))


@models.command()
def use(
    kind: Annotated[
        str,
        typer.Argument(help="As `tally models list` shows it: anomaly, faq, image, style/NAME.", autocompletion=kinds),
    ],
    version: Annotated[
        str, typer.Argument(help="The version, a part that only it has, or `shipped`.", autocompletion=versions)
    ],
    as_json: AsJson = False,
) -> None:
    """Make a version current: runs that start from now on use it, and real-time scoring within seconds.

    `shipped` is the version that comes with Tally; the others stay in storage.

    Example: `tally models use faq shipped`
    """
    chosen = kind_named(kind, storage().control("bundles"))
    made = chosen.use(version)
    if as_json:
        print_json({"kind": chosen.name, "version": made})
    else:
        ships = ", the one that ships" if made == chosen.shipped else ""
        results.print(f"Version {made} of {chosen.name} is current{ships}.")


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
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Serve an image classifier that was trained elsewhere.

    Presets: *torchvision*: 256, 224, ImageNet's mean and deviation. *keras*: values from -1 to 1, NHWC, as MobileNet
    and Inception have them. *caffe*: blue first, values from 0 to 255 less the mean, NHWC, as VGG and ResNet of Keras.

    It is tried before it is published: input, output and labels have to fit.

    Example: `tally models add mobilenet.onnx --labels imagenet.txt --preset keras`
    """
    from shared.image_classification.preprocessing import PRESETS

    given = {
        "resize": resize, "crop": crop, "mean": _three(mean), "std": _three(std), "channels": channels,
        "layout": layout, "input": numbers, "filter": interpolation,
    }  # fmt: skip
    facts = {
        "labels": read_labels(read_text(labels)),
        "preprocessing": msgspec.structs.replace(
            PRESETS[preset], **{name: value for name, value in given.items() if value}
        ),
        "softmax": softmax,
        "source": {"file": network.name},
        "metrics": {},
    }
    _check_place(out)
    _keep(network.read_bytes(), facts, out, as_json)


@models.command()
def pull(
    name: Annotated[Literal["resnet152"], typer.Argument(help="A published network.")],
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Download a published image classifier, check that it is the one that was meant, and serve it.

    A download that broke off goes on where it stopped. resnet152: 241 MB, torchvision's weights as safetensors.

    Example: `tally models pull resnet152`
    """
    from shared.image_classification.recipes import RECIPES

    _check_place(out)
    with progress("bytes") as bars:
        bar = bars.add_task("Downloading", total=None)
        told = lambda size, total: bars.update(bar, completed=size, total=total or None)  # noqa: E731
        network, facts = RECIPES[name].fetch(CACHE, told)
    _keep(network, facts, out, as_json)


@models.command()
def quantize(
    images: Annotated[
        Path, typer.Argument(help="100 or more images like those it will see.", exists=True, file_okay=False)
    ],
    publish: Annotated[bool, typer.Option("--publish", help="Make the copy current.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make an eight-bit copy of the current image classifier, and say what it gains and loses on the images.

    Half of the images set the ranges of the copy, the other half compare the two. Images in folders named as labels
    tell how many are right; the others, how often the best label is another one.

    Example: `tally models quantize photos --publish`
    """
    from shared.image_classification import bundle
    from shared.image_classification.classifier import Classifier
    from shared.image_classification.quantize import compared, quantized

    files = _images(images)
    current = bundle.current(storage().control("bundles"))
    held = bundle.opened(current, threads=1)
    with progress("images") as bars:
        inputs = [
            held.classifier.prepare(file.read_bytes(), MAX_PIXELS) for file in bars.track(files, description="Reading")
        ]
        made = quantized(current.content, held.classifier.input.name, inputs[::2][:CALIBRATION])
        facts = {name: getattr(held.manifest, name) for name in ("labels", "preprocessing", "softmax", "source")}
        copy = Classifier.open(made, facts["labels"], facts["preprocessing"], softmax=facts["softmax"], threads=1)
        bar = bars.add_task("Comparing", total=len(inputs[1::2]))
        truth = [file.parent.name for file in files[1::2]]
        found = compared(held.classifier, copy, inputs[1::2], truth, lambda done: bars.advance(bar, done))
    smaller = len(current.content) / len(made)
    if as_json:
        print_json(msgspec.to_builtins(found) | {"smaller": smaller})
    else:
        _say(found, smaller)
    if publish:
        _keep(made, facts | {"metrics": {"same_label": round(found.same_label, 4), "of": held.version}}, None, as_json)
    else:
        notes.print("Nothing was published; --publish makes it current.")


def read_labels(text: str) -> tuple[str, ...]:
    """Labels from a JSON list, Keras' class index, or one in a line. Raises InvalidInput for others."""
    from shared.image_classification.recipes import class_names

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


def _check_place(out: Path | None) -> None:
    """See that a bundle can be kept before it is made; raises InvalidInput, OSError or Transient where it cannot."""
    if out:
        can_fill(out)
    else:
        storage().control("bundles").any("")


def _keep(network: bytes, facts: dict[str, Any], out: Path | None, as_json: bool) -> None:
    """Try the classifier, then publish it or write it into a folder."""
    from shared.image_classification import bundle
    from shared.image_classification.classifier import Classifier

    Classifier.open(network, facts["labels"], facts["preprocessing"], softmax=facts["softmax"], threads=1)
    if out:
        with writing(out):
            version = bundle.KIND.write_folder(out, network, **facts)
        said = f"{out}: version {version}"
    else:
        registry = bundle.registry(storage().control("bundles"))
        version = registry.write(network, **facts)
        registry.make_current(version)
        said = f"Bundle {version} is current: {len(facts['labels'])} labels."
    if as_json:
        print_json({"kind": "image", "version": version, "labels": len(facts["labels"]), "folder": out and str(out)})
    else:
        results.print(said)


def _say(found: "Compared", smaller: float) -> None:
    if found.labelled:
        results.print(
            f"Right: {found.right / found.labelled:.1%}, the copy {found.copy_right / found.labelled:.1%}, "
            f"of {found.labelled} images in folders named as their label."
        )
    results.print(
        f"{found.same_label:.1%} of {found.images} images keep their best label; a probability changes by "
        f"{found.largest_difference:.3f} at most.\n{found.seconds / found.copy_seconds:.2f} times as fast on one core "
        f"({found.seconds * 1000:.1f} ms, {found.copy_seconds * 1000:.1f} ms an image), {smaller:.1f} times smaller."
    )


def _images(folder: Path) -> list[Path]:
    """The images of a folder, or as many of them, evenly, as are worth their time."""
    from shared.image_classification.training import SUFFIXES

    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    if len(files) < 2:
        raise InvalidInput(f"{folder} holds no two images.", "Give a folder with images like those it will see.")
    return files[:: -(-len(files) // MOST)]


def _three(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput(f"{text!r} is not three numbers.", "Write them like 0.485,0.456,0.406.") from None
    return red, green, blue


def _row(version: Version) -> tuple[str, ...]:
    written = "ships with Tally" if version.written is None else shown_time(version.written)
    size = "damaged" if version.bytes is None else f"{version.bytes:,}"
    return version.kind, version.version, "yes" if version.current else "", written, size
