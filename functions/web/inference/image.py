"""The image classifier as a model of the protocol: a picture in each row, as a file or as the network's own input."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from functions.web.base64_text import decode_if
from functions.web.inference.datatypes import Datatype
from functions.web.inference.metadata import VARIABLE, ModelMetadata, TensorMetadata
from functions.web.inference.parameters import parameter
from functions.web.inference.request import Inference
from functions.web.inference.response import Tensor
from shared.image_classification import model as image
from shared.serving.answers import BEST, TopK

if TYPE_CHECKING:
    from shared.image_classification.classifier import Classifier

FILES = "image"


@dataclass(frozen=True, slots=True)
class ImageInference:
    """The image classifier as a served model."""

    images: image.Images

    @property
    def served(self) -> image.ImageServed:
        """The model that answers."""
        return self.images.served

    def metadata(self, loaded: image.ImageLoaded) -> ModelMetadata:
        """What it takes and gives."""
        classifier = loaded.model
        return metadata(loaded.version, network_input(classifier), len(classifier.labels))

    async def tensors(self, loaded: image.ImageLoaded, asked: Inference, caller: str) -> list[Tensor]:
        """The outputs. Raises TooLarge or InvalidInput for what cannot be classified, or what hinders an answer."""
        items: Sequence[bytes | NDArray[Any]] = rows(asked)
        with loaded.batcher.enter(len(items), caller) as submit:
            every = (self._prepared(loaded.model, row, item) for row, item in enumerate(items))
            prepared = await asyncio.gather(*every)
            found = await asyncio.gather(*(asyncio.wrap_future(submit(row)) for row in prepared))
        return tensors(asked, found, loaded.model.labels)

    async def _prepared(self, classifier: "Classifier", row: int, item: bytes | NDArray[Any]) -> NDArray[Any]:
        if isinstance(item, np.ndarray):
            return item
        with image.named(f"Row {row}"):
            file = decode_if(item)
            self.images.check_size(file)
            return await self.images.prepared(classifier, file)


def metadata(version: str, network: TensorMetadata, classes: int) -> ModelMetadata:
    """What the classifier takes: image files, or prepared rows of `network`, the ONNX model's input (-1, ...).

    A network's input that is called like the files goes by "input".
    """
    prepared = TensorMetadata("input" if network.name == FILES else network.name, network.datatype, network.shape)
    return ModelMetadata(
        image.NAME,
        (version,),
        "onnx_onnxv1",
        (TensorMetadata(FILES, Datatype.BYTES, (VARIABLE,)), prepared),
        (
            TensorMetadata("probabilities", Datatype.FP32, (VARIABLE, classes)),
            TensorMetadata("label", Datatype.BYTES, (VARIABLE, VARIABLE)),
        ),
    )


def network_input(classifier: "Classifier") -> TensorMetadata:
    """The input of the classifier's network, for any number of rows."""
    own = classifier.input
    return TensorMetadata(own.name, Datatype(own.datatype), (VARIABLE, *own.shape[1:]))


def rows(request: Inference) -> list[bytes] | list[NDArray[Any]]:
    """What to classify: files that are still to be prepared, or the network's input for each row."""
    values = request.input.values
    return values if isinstance(values, list) else list(values)


def tensors(request: Inference, probabilities: Sequence[NDArray[np.float32]], labels: Sequence[str]) -> list[Tensor]:
    """The outputs: probabilities (rows, classes), and the labels (rows, k) of the k most probable, 3 unless told."""
    all_rows = np.stack(probabilities)
    k = parameter(request.parameters, "top_k", TopK, BEST)
    best = np.argsort(-all_rows, axis=1, kind="stable")[:, :k]
    return [
        Tensor.of_array("probabilities", all_rows, labels),
        Tensor.of_texts("label", [[labels[index] for index in row] for row in best]),
    ]
