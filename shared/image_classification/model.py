"""The image classifier as a real-time model: a picture in each row, as a file or as the network's own input."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from shared.bundles.registry import Bundle, Registry
from shared.errors import InvalidInput, TooLarge, named
from shared.serving.answers import TopParameters
from shared.serving.datatypes import Datatype
from shared.serving.model import RealTimeModel
from shared.serving.served import Loaded, Served
from shared.serving.tensors import VARIABLE, Tensor, TensorMetadata
from shared.settings import Settings
from shared.storage import BlobStore

if TYPE_CHECKING:
    from shared.image_classification.bundle import Manifest
    from shared.image_classification.classifier import Classifier, Input

FILES = "image"

type ImageServed = Served[Classifier, np.ndarray, np.ndarray]
type ImageLoaded = Loaded[Classifier, np.ndarray, np.ndarray]


class ImageClassification(RealTimeModel["Classifier", np.ndarray, np.ndarray]):
    """The current bundle, or the classifier that ships. Files are decoded in threads, beside the event loop."""

    name = "image"
    platform = "onnx_onnxv1"
    parameters = TopParameters
    takes_files = True

    def __init__(self, settings: Settings, store: BlobStore) -> None:
        super().__init__(settings, store)
        self._decoders = ThreadPoolExecutor(os.process_cpu_count(), "tally-decoder")

    @staticmethod
    def registry(store: BlobStore) -> "Registry[Manifest]":
        from shared.image_classification.bundle import registry

        return registry(store)

    def load(self, bundle: "Bundle[Manifest]") -> "Classifier":
        from shared.image_classification.bundle import opened

        return opened(bundle, self.settings.scoring_threads).classifier

    def score(self, model: "Classifier", items: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        return list(model.classify(np.stack(items)))

    def inputs(self, model: "Classifier") -> tuple[TensorMetadata, ...]:
        return TensorMetadata(FILES, Datatype.BYTES, (VARIABLE,)), network_input(model.input)

    def outputs(self, model: "Classifier") -> tuple[TensorMetadata, ...]:
        return (
            TensorMetadata("probabilities", Datatype.FP32, (VARIABLE, len(model.labels))),
            TensorMetadata("label", Datatype.BYTES, (VARIABLE, VARIABLE)),
        )

    async def items(
        self, model: "Classifier", rows: Sequence[bytes | np.ndarray], parameters: TopParameters
    ) -> Sequence[np.ndarray]:
        return await asyncio.gather(*(self._item(model, number, row) for number, row in enumerate(rows)))

    async def prepared(self, model: "Classifier", file: bytes) -> np.ndarray:
        """A picture as the network's input. Raises TooLarge, InvalidInput for no picture."""
        check_size(file, self.settings.body_bytes)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, model.prepare, file, self.settings.image_pixels)

    def tensors(self, model: "Classifier", scored: Sequence[np.ndarray], parameters: TopParameters) -> list[Tensor]:
        return tensors(scored, model.labels, parameters.top_k)

    async def _item(self, model: "Classifier", number: int, row: bytes | np.ndarray) -> np.ndarray:
        if isinstance(row, np.ndarray):
            return row
        with named(f"Row {number}"):
            return await self.prepared(model, row)


def check_size(file: bytes, max_bytes: int) -> None:
    """Raises TooLarge for a file over the limit, InvalidInput for an empty one."""
    if not file:
        raise InvalidInput("The image is empty: it has no bytes.", "Send the file itself.")
    if len(file) > max_bytes:
        raise TooLarge(f"The image has {len(file)} bytes, {max_bytes} are allowed.", "Send a smaller one.")


def network_input(own: "Input") -> TensorMetadata:
    """The network's input, for any number of rows; it goes by "input" where it is called like the files."""
    name = "input" if own.name == FILES else own.name
    return TensorMetadata(name, Datatype(own.datatype), (VARIABLE, *own.shape[1:]))


def tensors(scored: Sequence[np.ndarray], labels: Sequence[str], top_k: int) -> list[Tensor]:
    """The outputs: probabilities (rows, classes), and the labels (rows, k) of the k most probable."""
    probabilities = np.stack(scored)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
    return [
        Tensor.of_array("probabilities", probabilities, labels),
        Tensor.of_texts("label", [[labels[index] for index in row] for row in best]),
    ]
