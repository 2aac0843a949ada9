"""Eight-bit copies of image networks, and how much they change the answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import onnx
import onnx.compose
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from shared.errors import InvalidInput
from shared.image_classification.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Compared:
    """A network beside its copy, on the same images: how often they agree, and the time of one image in seconds."""

    images: int
    same_label: float
    labelled: int  # images whose label is known
    right: int  # of those
    copy_right: int
    largest_difference: float  # of a probability
    seconds: float
    copy_seconds: float


def quantized(network: bytes, input_name: str, calibration: Sequence[np.ndarray]) -> bytes:
    """An int8 copy: weights per channel, activations by the ranges that the calibration inputs (C, H, W) have.

    Weights take seven bits, or processors without VNNI would overflow. Raises InvalidInput where the network cannot be
    copied so.
    (ONNX Runtime's static quantisation in QDQ form: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)
    """

    class Inputs(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._inputs: Iterator[np.ndarray] = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            values = next(self._inputs, None)
            return None if values is None else {input_name: values[None]}

    with TemporaryDirectory(prefix="tally-") as folder:
        given, ready, made = (Path(folder) / name for name in ("given.onnx", "ready.onnx", "made.onnx"))
        onnx.save(_ready(onnx.load_from_string(network)), given)
        try:
            quant_pre_process(given, ready, skip_symbolic_shape=True)
            quantize_static(
                ready,
                made,
                Inputs(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:
            raise InvalidInput(
                f"The network cannot be made one of eight bits: {error}.", "Serve it as it is."
            ) from error
        return made.read_bytes()


def _ready(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model as quantisation needs it: weights that are kept in eight bits already as float32, and names that it
    does not give itself, as it does `x_scale` for a tensor `x`."""
    graph = model.graph
    held = {one.name: one for one in graph.initializer}
    small = [node for node in graph.node if node.op_type == "DequantizeLinear" and all(map(held.get, node.input))]
    for node in small:
        graph.initializer.append(numpy_helper.from_array(_wide(node, held), node.output[0]))
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    only = {f"rename_{part}": False for part in ("nodes", "edges", "inputs", "outputs", "value_infos", "functions")}
    return onnx.compose.add_prefix(model, "constant/", rename_initializers=True, **only)


def _wide(node: onnx.NodeProto, held: dict[str, onnx.TensorProto]) -> np.ndarray:
    """What DequantizeLinear makes of constants (https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html)."""
    values, scale, *zero = (numpy_helper.to_array(held[name]).astype(np.float32) for name in node.input)
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    shape = np.ones(values.ndim, int)
    shape[axis] = scale.size
    return (values - (zero[0].reshape(shape) if zero else 0)) * scale.reshape(shape)


def compared(
    network: Classifier,
    copy: Classifier,
    inputs: Sequence[np.ndarray],
    truth: Sequence[str],
    progress: Callable[[int], None] = lambda images: None,
) -> Compared:
    """Both on every input, in turns, each once before it counts. truth: labels; of others than the network's, none."""
    answers, changes, seconds = [], [], []
    for number, values in enumerate([inputs[0], *inputs]):
        (first, second), taken = zip(*(_timed(one, values) for one in (network, copy)), strict=True)
        if number:
            answers.append([network.labels[row.argmax()] for row in (first, second)])
            changes.append(np.abs(first - second).max())
            seconds.append(taken)
            progress(1)
    known = [(expected, *found) for expected, found in zip(truth, answers, strict=True) if expected in network.labels]
    took, copy_took = np.median(seconds, axis=0)
    return Compared(
        len(inputs),
        sum(first == second for first, second in answers) / len(inputs),
        len(known),
        sum(expected == first for expected, first, _ in known),
        sum(expected == second for expected, _, second in known),
        float(max(changes)),
        float(took),
        float(copy_took),
    )


def _timed(classifier: Classifier, values: np.ndarray) -> tuple[np.ndarray, float]:
    begun = perf_counter()
    row = classifier.classify(values[None])[0]
    return row, perf_counter() - begun
