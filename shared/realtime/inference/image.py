"""The image classifier as a model of the protocol: a picture in each row, as a file or as the network's own input."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidInput
from shared.realtime.answers import TopK
from shared.realtime.inference.datatypes import Datatype
from shared.realtime.inference.metadata import VARIABLE, ModelMetadata, TensorMetadata
from shared.realtime.inference.parameters import parameter
from shared.realtime.inference.request import InferenceRequest
from shared.realtime.inference.response import Tensor

NAME = "image"
FILES = "image"


def metadata(version: str, network: TensorMetadata, classes: int) -> ModelMetadata:
    """What the classifier takes: image files, or prepared rows of `network`, the ONNX model's input (-1, ...).

    A network's input that is called like the files goes by "input".
    """
    prepared = TensorMetadata("input" if network.name == FILES else network.name, network.datatype, network.shape)
    return ModelMetadata(
        NAME,
        (version,),
        "onnx_onnxv1",
        (TensorMetadata(FILES, Datatype.BYTES, (VARIABLE,)), prepared),
        (
            TensorMetadata("probabilities", Datatype.FP32, (VARIABLE, classes)),
            TensorMetadata("label", Datatype.BYTES, (VARIABLE, VARIABLE)),
        ),
    )


def rows(request: InferenceRequest) -> list[bytes] | list[NDArray[np.generic]]:
    """What to classify: files that are still to be prepared, or the network's input for each row."""
    values = request.input.values
    return values if isinstance(values, list) else list(values)


def tensors(
    request: InferenceRequest, probabilities: Sequence[NDArray[np.float32]], labels: Sequence[str]
) -> list[Tensor]:
    """The outputs: probabilities (rows, classes), and the labels (rows, k) of the k most probable, 3 unless told.

    Raises InvalidInput for rows whose values the network made no number of.
    """
    all_rows = np.stack(probabilities)
    if not np.isfinite(all_rows).all():
        raise InvalidInput("The network gives no numbers for these values.", "Prepare images as it was trained to see.")
    k = parameter(request.parameters, "top_k", TopK, 3)
    best = np.argsort(-all_rows, axis=1, kind="stable")[:, :k]
    return [
        Tensor.of_array("probabilities", all_rows, labels),
        Tensor.of_texts("label", [[labels[index] for index in row] for row in best]),
    ]
