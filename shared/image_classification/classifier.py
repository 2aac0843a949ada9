"""An ONNX classifier that was checked against its manifest, and answers with probabilities."""

import os
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from shared.errors import BundleError, InvalidInput
from shared.image_classification.decode import decode
from shared.image_classification.preprocessing import Preprocessing

_REMEDY = "Publish a network whose input and output fit: `tally models add --help`."
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
TOLERANCE = 1e-3  # of half precision, about
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
        described = Input(inputs[0].name, _DATATYPES[preprocessing.input], (-1, *preprocessing.shape))
        made = cls(session, described, labels, preprocessing, softmax, one_by_one=inputs[0].shape[:1] == [1])
        made._check(made._tried())
        return made if made._takes_two() else replace(made, one_by_one=True)

    def prepare(self, data: bytes, max_pixels: int) -> np.ndarray:
        """One input from a file's bytes. Raises InvalidInput for what is no image or too large."""
        return self.preprocessing.prepare(decode(data, max_pixels))

    def classify(self, batch: np.ndarray) -> np.ndarray:
        """The probabilities (N, labels), float32, of inputs (N, ...).

        Raises InvalidInput where they are not numbers.
        """
        scores = self._scores(batch)
        if not np.isfinite(scores).all():
            raise InvalidInput("The network's answer to this input is not a number.", "Send values it was trained on.")
        return _softmax(scores) if self.softmax else scores

    def top(self, row: np.ndarray, count: int) -> list[Label]:
        """The most probable labels of one row, best first."""
        best = np.argsort(-row, kind="stable")[:count]
        return [Label(self.labels[index], float(np.clip(row[index], 0, 1))) for index in best]

    def _scores(self, batch: np.ndarray) -> np.ndarray:
        """What the network gives for inputs (N, ...): (N, labels), float32."""
        parts = np.split(batch, len(batch)) if self.one_by_one else [batch]
        outputs = [self.session.get_outputs()[0].name]
        scores = np.concatenate([self.session.run(outputs, {self.input.name: part})[0] for part in parts])
        return scores.reshape(len(batch), -1).astype(np.float32)

    def _black(self, count: int) -> np.ndarray:
        return np.zeros((count, *self.preprocessing.shape), self.preprocessing.input)

    def _tried(self) -> np.ndarray:
        one = self._black(1)
        try:
            return self._scores(one)
        except Exception as error:
            raise BundleError(f"The network cannot classify {one.shape} {one.dtype}: {error}.", _REMEDY) from error

    def _check(self, scores: np.ndarray) -> None:
        if scores.shape[1] != len(self.labels):
            raise BundleError(f"The network gives {scores.shape[1]} numbers for {len(self.labels)} labels.", _REMEDY)
        if not np.isfinite(scores).all():
            raise BundleError("The network gives what is not a number.", _REMEDY)
        low, high, total = scores.min(), scores.max(), scores.sum()
        if self.softmax and low >= 0 and abs(total - 1) < TOLERANCE:
            raise BundleError("The network gives probabilities already.", "Say so: `tally models add --no-softmax`.")
        if not self.softmax and (low < -TOLERANCE or high > 1 + TOLERANCE):
            raise BundleError("The network gives scores, not probabilities.", "Say so: `tally models add --softmax`.")

    def _takes_two(self) -> bool:
        """Whether images may be classified together: a network may be drawn for any number, and made for one."""
        try:
            both, alone = self._scores(self._black(2)), self._scores(self._black(1))
        except Exception:  # noqa: BLE001 then it is run one by one
            return False
        return bool(np.allclose(both, np.repeat(alone, 2, axis=0), rtol=TOLERANCE, atol=TOLERANCE))


def _session(network: bytes, threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would slow others
    options.log_severity_level = 4
    # A bundle is one file, and its hash stands for all of it: weights in other files of this machine are not read.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    if b"QuantizeLinear" not in network:  # then only weights are in eight bits: widened once, not in every call
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    usable = [name for name in PROVIDERS if name in ort.get_available_providers()]
    try:
        return ort.InferenceSession(network, options, providers=usable)
    except Exception as error:
        raise BundleError(f"The network cannot be opened: {error}.", _REMEDY) from error


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
