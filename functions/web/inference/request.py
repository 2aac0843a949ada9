"""Inference requests: JSON, or JSON with the tensor's data after it in binary.

The form is the Open Inference Protocol's "Inference Request JSON Object" (kserve/open-inference-protocol,
inference_rest.md) with Triton's extensions for binary data, raw binary requests, classification and parameters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from functions.web import json_body
from functions.web.inference import binary_data, json_data
from functions.web.inference.metadata import ModelMetadata
from functions.web.inference.parameters import Parameters, parameter
from shared.errors import InvalidInput, Malformed
from shared.serving.datatypes import Datatype, Values, datatype, shown

HEADER_LENGTH = "Inference-Header-Content-Length"
type Shape = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)], ...], msgspec.Meta(min_length=1, max_length=8)
]
_ABSENT = -1
_SHARED_MEMORY = "shared_memory_region"
_SIZE = Annotated[int, msgspec.Meta(ge=0)]
_CLASSES = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True)
class Input:
    """The tensor that a request brings, (rows, ...)."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: Values


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output asked for: in binary or not; the so many best classes of each row instead of all values, or 0."""

    name: str
    binary: bool
    classes: int


@dataclass(frozen=True, slots=True)
class Inference:
    """What a client asks, read and checked; no `outputs` means all, and `binary` how those are wanted."""

    id: str
    parameters: Parameters
    input: Input
    outputs: tuple[Wanted, ...] = ()
    binary: bool = False


class RequestInput(msgspec.Struct, frozen=True):
    """A tensor, with `data` (nested or flat) or as many bytes after the JSON as its `binary_data_size` says."""

    name: str
    shape: Shape
    datatype: str
    parameters: Parameters | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class RequestOutput(msgspec.Struct, frozen=True):
    """An output that is wanted; `binary_data` and `classification` are its parameters."""

    name: str
    parameters: Parameters | None = None


class InferenceRequest(msgspec.Struct, frozen=True):
    """A batch for a model, in the Open Inference Protocol."""

    inputs: list[RequestInput]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestOutput] | None = None


def parse(body: bytes, header_length: str, model: ModelMetadata, max_rows: int) -> Inference:
    """The request, checked against what the model takes before any of its data are read.

    header_length: the header `Inference-Header-Content-Length`, empty where there is none.
    Raises Malformed for what is no request at all, InvalidInput for one that this model cannot answer.
    """
    size = _json_size(header_length, len(body))
    if header_length and size == 0:
        return _raw(body, model)
    asked = _read(body[:size])
    binary = parameter(asked.parameters, "binary_data_output", bool, False)
    outputs = _outputs(asked.outputs or (), model, binary)
    given = _input(asked, memoryview(body)[size:], model, max_rows)
    return Inference(asked.id or "", asked.parameters or {}, given, outputs, binary)


def _json_size(header_length: str, body: int) -> int:
    if not header_length:
        return body
    if not re.fullmatch("[0-9]{1,19}", header_length) or int(header_length) > body:
        raise Malformed(
            f"{HEADER_LENGTH} is {shown(header_length)}, the body has {body} bytes.", "Give the size of the JSON."
        )
    return int(header_length)


def _read(text: bytes) -> InferenceRequest:
    hint = f"Where binary data follow the JSON, {HEADER_LENGTH} says its size."
    return json_body.decode(text, InferenceRequest, "The inference request", hint)


def _input(asked: InferenceRequest, after: memoryview, model: ModelMetadata, max_rows: int) -> Input:
    given = _only(asked.inputs, model)
    kind = datatype(given.datatype)
    model.input(given.name, kind).check(kind, given.shape)
    if given.shape[0] > max_rows:
        raise InvalidInput(f"{given.shape[0]} items in one request are too many.", f"Send at most {max_rows}.")
    _check_shared_memory(f"Input {given.name!r}", given.parameters)
    size = parameter(given.parameters, "binary_data_size", _SIZE, _ABSENT)
    if given.data is msgspec.UNSET:
        _check_binary(given.name, size, len(after))
        return Input(given.name, kind, given.shape, binary_data.decode(after, kind, given.shape))
    if size != _ABSENT or after:
        raise InvalidInput(f"Input {given.name!r} brings data in JSON and in binary.", "Send the one or the other.")
    content_type = parameter(asked.parameters, "content_type", str, "")
    content_type = parameter(given.parameters, "content_type", str, content_type)
    return Input(
        given.name, kind, given.shape, json_data.decode(memoryview(given.data), kind, given.shape, content_type)
    )


def _only(inputs: Sequence[RequestInput], model: ModelMetadata) -> RequestInput:
    if len(inputs) != 1:
        names = " or ".join(repr(tensor.name) for tensor in model.inputs)
        raise InvalidInput(f"The request has {len(inputs)} inputs.", f"Send one, {names}, with a row for each item.")
    return inputs[0]


def _check_shared_memory(what: str, parameters: Parameters | None) -> None:
    if _SHARED_MEMORY in (parameters or {}):
        raise InvalidInput(f"{what} asks for shared memory, which there is none of.", "Send and take the data itself.")


def _check_binary(name: str, size: int, after: int) -> None:
    if size == _ABSENT:
        raise InvalidInput(f"Input {name!r} brings no data.", "Send `data`, or binary data and binary_data_size.")
    if size != after:
        raise InvalidInput(
            f"binary_data_size is {size}, but {after} bytes follow the JSON.", f"Is {HEADER_LENGTH} right?"
        )


def _outputs(asked: Sequence[RequestOutput], model: ModelMetadata, binary: bool) -> tuple[Wanted, ...]:
    names = [tensor.name for tensor in model.outputs]
    for output in asked:
        if output.name not in names:
            raise InvalidInput(f"The model {model.name!r} has no output {shown(output.name)}.", f"It gives {names}.")
        _check_shared_memory(f"Output {output.name!r}", output.parameters)
    if len({output.name for output in asked}) != len(asked):
        raise InvalidInput("An output is asked for twice.", "Name each once.")
    return tuple(
        Wanted(
            output.name,
            parameter(output.parameters, "binary_data", bool, binary),
            parameter(output.parameters, "classification", _CLASSES, 0),
        )
        for output in asked
    )


def _raw(body: bytes, model: ModelMetadata) -> Inference:
    """A "Raw Binary Request": the whole body is the only element of the model's input of BYTES."""
    for tensor in model.inputs:
        if tensor.datatype == Datatype.BYTES:
            return Inference("", {}, Input(tensor.name, tensor.datatype, (1,), [body]))
    raise InvalidInput(f"The model {model.name!r} takes no raw bytes.", "Send an inference request in JSON.")
