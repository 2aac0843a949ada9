"""Eight-bit copies of image networks, and how much they change the answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from shared.models.image.classifier import Classifier


@dataclass(frozen=True, slots=True)
class Compared:
    """A network beside its copy, on the same images: how often they agree, and the time of one image in seconds."""

    images: int
    same_label: float
    largest_difference: float  # of a probability
    seconds: float
    copy_seconds: float


def quantized(network: bytes, input_name: str, calibration: Sequence[np.ndarray]) -> bytes:
    """An int8 copy: weights per channel, activations by the ranges that the calibration inputs (C, H, W) have.

    (ONNX Runtime's static quantisation in QDQ form: https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Inputs(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._inputs: Iterator[np.ndarray] = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            values = next(self._inputs, None)
            return None if values is None else {input_name: values[None]}

    with TemporaryDirectory(prefix="tally-") as folder:
        given, ready, made = (Path(folder) / name for name in ("given.onnx", "ready.onnx", "made.onnx"))
        given.write_bytes(network)
        quant_pre_process(given, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            made,
            Inputs(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        )
        return made.read_bytes()


def compared(
    network: Classifier, copy: Classifier, inputs: Sequence[np.ndarray], progress: Callable[[int], None]
) -> Compared:
    """Both on every input, in turns, each once before it counts."""
    same, largest = 0, 0.0
    seconds: list[tuple[float, float]] = []
    for number, values in enumerate([inputs[0], *inputs]):
        (first, second), (took, copy_took) = zip(*(_timed(one, values) for one in (network, copy)), strict=True)
        if number:
            same += int(first.argmax() == second.argmax())
            largest = max(largest, float(np.abs(first - second).max()))
            seconds.append((took, copy_took))
            progress(1)
    took, copy_took = np.median(seconds, axis=0)
    return Compared(len(inputs), same / len(inputs), largest, float(took), float(copy_took))


def _timed(classifier: Classifier, values: np.ndarray) -> tuple[np.ndarray, float]:
    begun = perf_counter()
    row = classifier.classify(values[None])[0]
    return row, perf_counter() - begun
