"""Trains a small image classifier with scikit-learn, for small and simple images; the result is plain ONNX."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from shared.errors import InvalidInput
from shared.image_classification.decode import FORMATS, decode
from shared.image_classification.preprocessing import Preprocessing

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier

EPOCHS = 40
HELD_OUT = 0.2
MAX_PIXELS = 25_000_000
SUFFIXES = {f".{form.lower()}" for form in FORMATS} | {".jpg"}


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images, read once, with the label of each, and where they come from."""

    images: Iterable[Image.Image]
    labels: Sequence[str]
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trained:
    """A network as ONNX, and what its bundle says of it."""

    network: bytes
    facts: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """Of the images that were held out."""
        return float(self.facts["metrics"]["accuracy"])


def digits() -> Pictures:
    """The 1,797 handwritten digits that scikit-learn carries, as pictures of 64x64, dark on light."""
    from sklearn.datasets import load_digits

    data = load_digits()
    inks = (Image.fromarray((255 - 255 / 16 * image).astype(np.uint8)) for image in data.images)
    pictures = [ink.resize((64, 64), Image.Resampling.BICUBIC).convert("RGB") for ink in inks]
    about = {"data": "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak)", "licence": "CC BY 4.0"}
    return Pictures(pictures, [str(digit) for digit in data.target], about)


def folder(path: Path) -> Pictures:
    """The images of a folder with a folder per label. Raises InvalidInput where there are not two labels of two."""
    files = sorted(file for file in path.glob("*/*") if file.suffix.lower() in SUFFIXES)
    labels = [file.parent.name for file in files]
    if len(set(labels)) < 2 or min(map(labels.count, set(labels))) < 2:
        raise InvalidInput(f"{path} does not hold two labels with two images each.", "Put them in FOLDER/LABEL/*.png.")
    return Pictures(map(_decoded, files), labels, {"data": path.name})


def _decoded(file: Path) -> Image.Image:
    try:
        return decode(file.read_bytes(), MAX_PIXELS)
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.message}", error.hint) from error


def train(pictures: Pictures, side: int, color: bool, progress: Callable[[int], None] = lambda epochs: None) -> Trained:
    """Fit a network with one hidden layer to images of side x side, and measure it on a fifth of them.

    Every image is learned dark on light and light on dark. progress: called after each of EPOCHS epochs.
    """
    from sklearn.model_selection import train_test_split

    asked = Preprocessing(
        resize=side, crop=side, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), channels="RGB" if color else "L"
    )
    rows = np.stack([asked.prepare(image).ravel() for image in pictures.images])
    learned, held_out, answers, expected = train_test_split(
        rows, pictures.labels, test_size=HELD_OUT, random_state=0, stratify=pictures.labels
    )
    both = np.concatenate([learned, -learned])  # values are from -1 to 1
    model = _fitted(both, [*answers, *answers], sorted(set(pictures.labels)), progress)
    metrics = {
        "accuracy": round(float(model.score(held_out, expected)), 4),
        "learned": len(learned),
        "held_out": len(held_out),
    }
    facts = {
        "labels": tuple(map(str, model.classes_)),
        "preprocessing": asked,
        "softmax": True,
        "source": pictures.source,
        "metrics": metrics,
    }
    return Trained(to_onnx(*_layers(model), asked.shape), facts)


def to_onnx(weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], shape: tuple[int, int, int]) -> bytes:
    """Fully connected layers with ReLU between them as ONNX: (N, *shape) to scores (N, classes), float32."""
    nodes = [helper.make_node("Flatten", ["image"], ["0"])]
    constants = []
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        last = number == len(weights) - 1
        constants += [_constant(f"weight{number}", weight), _constant(f"bias{number}", bias)]
        result = "scores" if last else f"layer{number}"
        nodes.append(helper.make_node("Gemm", [str(number), f"weight{number}", f"bias{number}"], [result]))
        if not last:
            nodes.append(helper.make_node("Relu", [result], [str(number + 1)]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", *shape])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", len(biases[-1])])
    graph = helper.make_graph(nodes, "classifier", [image], [scores], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _fitted(
    rows: np.ndarray, answers: Sequence[str], classes: Sequence[str], progress: Callable[[int], None]
) -> "MLPClassifier":
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((100,), alpha=0.01, batch_size=64, random_state=0)
    with _interruptible():
        for _ in range(EPOCHS):
            model.partial_fit(rows, answers, classes=classes)
            progress(1)
    return model


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C through: scikit-learn makes a warning of it, and half a training would be published as a whole one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Training interrupted by user", UserWarning)
        try:
            yield
        except UserWarning as warning:
            raise KeyboardInterrupt from warning


def _layers(model: "MLPClassifier") -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and biases of each layer; of two classes scikit-learn scores only the second, the first has score 0."""
    weights, biases = list(model.coefs_), list(model.intercepts_)
    if len(model.classes_) == 2:
        weights[-1], biases[-1] = np.pad(weights[-1], ((0, 0), (1, 0))), np.pad(biases[-1], (1, 0))
    return weights, biases


def _constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
