"""Inference responses: JSON, or JSON with the data of some outputs after it in binary."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from functions.web.inference import binary_data, json_data
from functions.web.inference.request import HEADER_LENGTH, Inference, Wanted
from shared.errors import InvalidInput
from shared.serving.datatypes import Datatype
from shared.serving.tensors import Tensor


class ResponseOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tensor, with `data` (flat) or as many bytes after the JSON as its `binary_data_size` says."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    parameters: dict[str, int] = {}
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


class InferenceResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model gives for a batch, in the Open Inference Protocol."""

    model_name: str
    model_version: str
    outputs: list[ResponseOutput]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A response as it goes out."""

    body: bytes
    media_type: str
    headers: dict[str, str]


def encode(request: Inference, model: str, version: str, tensors: Iterable[Tensor]) -> Encoded:
    """The response to a request: the outputs that it asked for, in its order, else all.

    Raises InvalidInput where an output cannot be given as it was asked for.
    """
    given = {tensor.name: tensor for tensor in tensors}
    wanted = request.outputs or [Wanted(name, request.binary, 0) for name in given]
    after: list[bytes] = []
    outputs = [_described(given[output.name], output, after) for output in wanted]
    head = msgspec.json.encode(InferenceResponse(model, version, outputs, request.id))
    if not any(output.binary for output in wanted):
        return Encoded(head, "application/json", {})
    return Encoded(b"".join([head, *after]), "application/octet-stream", {HEADER_LENGTH: str(len(head))})


def _described(tensor: Tensor, wanted: Wanted, after: list[bytes]) -> ResponseOutput:
    """An output as JSON; data wanted in binary are put at the end of `after`."""
    if wanted.classes:
        tensor = _classified(tensor, wanted.classes)
    if not wanted.binary:
        data = json_data.encode(tensor.values)
        return ResponseOutput(tensor.name, tensor.datatype, tensor.shape, data=data)
    after.append(binary_data.encode(tensor.values))
    return ResponseOutput(tensor.name, tensor.datatype, tensor.shape, {"binary_data_size": len(after[-1])})


def _classified(tensor: Tensor, classes: int) -> Tensor:
    """The best classes of each row as "value:index:label" (Triton's "Classification Extension").

    Raises InvalidInput where the columns are no classes.
    """
    if not tensor.labels or isinstance(tensor.values, list):
        raise InvalidInput(f"Output {tensor.name!r} cannot be classified.", "Ask for it without `classification`.")
    best = np.argsort(-tensor.values, axis=1, kind="stable")[:, :classes]
    rows = [
        [f"{row[index]:f}:{index}:{tensor.labels[index]}" for index in indices]
        for row, indices in zip(tensor.values, best, strict=True)
    ]
    return Tensor.of_texts(tensor.name, rows)
