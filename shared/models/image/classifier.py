"""An ONNX classifier that was checked against its manifest, and answers with probabilities."""

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from shared.errors import BundleError, InvalidInput
from shared.models.image.decode import decode
from shared.models.image.preprocessing import Preprocessing

_REMEDY = "Publish a network whose input and output fit: `tally models add --help`."
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
_DATATYPES = {"float32": "FP32", "float16": "FP16", "uint8": "UINT8"}


class Label(msgspec.Struct, frozen=True):
    """What an image may show, and how probable that is."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Input:
    """A network's input, its datatype as the Open Inference Protocol names it; -1 in the shape is any number."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A network with its labels and its preprocessing. Read-only: threads may share it."""

    session: Any
    input: Input
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    softmax: bool
    one_by_one: bool

    @classmethod
    def open(
        cls, network: bytes, labels: tuple[str, ...], preprocessing: Preprocessing, *, softmax: bool, threads: int = 0
    ) -> "Classifier":
        """The classifier of an ONNX network. `softmax`: its outputs are scores, not probabilities yet.

        Raises BundleError where the network cannot be run, or does not give a number per label for such an input.
        """
        session = _session(network, threads)
        inputs = session.get_inputs()
        if len(inputs) != 1:
            raise BundleError(f"The network has {len(inputs)} inputs, not one.", _REMEDY)
        batch = inputs[0].shape[0] if inputs[0].shape else None
        described = Input(inputs[0].name, _DATATYPES[preprocessing.input], (-1, *preprocessing.shape))
        made = cls(session, described, labels, preprocessing, softmax, batch == 1)
        made._try()
        return made

    def prepare(self, data: bytes, max_pixels: int) -> np.ndarray:
        """One input from a file's bytes. Raises InvalidInput for what is no image or too large."""
        return self.preprocessing.prepare(decode(data, max_pixels))

    def classify(self, batch: np.ndarray) -> np.ndarray:
        """The probabilities (N, labels), float32, of inputs (N, ...).

        Raises InvalidInput where they are not numbers.
        """
        parts = np.split(batch, len(batch)) if self.one_by_one else [batch]
        scores = np.concatenate([self.session.run(None, {self.input.name: part})[0] for part in parts])
        scores = scores.reshape(len(batch), -1).astype(np.float32)
        if not np.isfinite(scores).all():
            raise InvalidInput("The network's answer to this input is not a number.", "Send values it was trained on.")
        return _softmax(scores) if self.softmax else scores

    def top(self, row: np.ndarray, count: int) -> list[Label]:
        """The most probable labels of one row, best first."""
        best = np.argsort(-row, kind="stable")[:count]
        return [Label(self.labels[index], float(np.clip(row[index], 0, 1))) for index in best]

    def _try(self) -> None:
        zeros = np.zeros((1, *self.preprocessing.shape), self.preprocessing.input)
        try:
            found = self.classify(zeros).shape[1]
        except Exception as error:
            raise BundleError(f"The network cannot classify {zeros.shape} {zeros.dtype}: {error}.", _REMEDY) from error
        if found != len(self.labels):
            raise BundleError(f"The network gives {found} numbers for {len(self.labels)} labels.", _REMEDY)


def _session(network: bytes, threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would slow others
    options.log_severity_level = 4
    usable = [
        name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in ort.get_available_providers()
    ]
    try:
        return ort.InferenceSession(network, options, providers=usable)
    except Exception as error:
        raise BundleError(f"The network cannot be opened: {error}.", _REMEDY) from error


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
