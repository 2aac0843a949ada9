"""Inference requests: JSON, or JSON with the tensor's data after it in binary.

The form is the Open Inference Protocol's "Inference Request JSON Object" (kserve/open-inference-protocol,
inference_rest.md) with Triton's extensions for binary data, raw binary requests, classification and parameters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from shared.errors import InvalidInput, Malformed
from shared.realtime.inference import binary_data, json_data
from shared.realtime.inference.datatypes import Datatype, Values, datatype
from shared.realtime.inference.metadata import ModelMetadata
from shared.realtime.inference.parameters import Parameters, parameter

HEADER_LENGTH = "Inference-Header-Content-Length"
type Shape = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)], ...], msgspec.Meta(min_length=1, max_length=8)
]
_ABSENT = -1
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
class InferenceRequest:
    """What a client asks; no `outputs` means all, and `binary` how those are wanted."""

    id: str
    parameters: Parameters
    input: Input
    outputs: tuple[Wanted, ...] = ()
    binary: bool = False


class _Input(msgspec.Struct):
    name: str
    shape: Shape
    datatype: str
    parameters: Parameters | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters | None = None


class _Envelope(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[_Output] | None = None


def parse(body: bytes, header_length: str, model: ModelMetadata, max_rows: int) -> InferenceRequest:
    """The request, checked against what the model takes before any of its data are read.

    header_length: the header `Inference-Header-Content-Length`, empty where there is none.
    Raises Malformed for what is no request at all, InvalidInput for one that this model cannot answer.
    """
    size = _header_length(header_length, len(body))
    if size == 0:
        return _raw(body, model)
    envelope = _read(body[:size])
    given = _only(envelope.inputs, model)
    kind = _checked(given, model, max_rows)
    after = memoryview(body)[size:]
    values = _values(given, kind, after, parameter(envelope.parameters, "content_type", str, ""))
    binary = parameter(envelope.parameters, "binary_data_output", bool, False)
    return InferenceRequest(
        envelope.id or "",
        envelope.parameters or {},
        Input(given.name, kind, given.shape, values),
        _outputs(envelope.outputs or (), model, binary),
        binary,
    )


def _header_length(text: str, body: int) -> int:
    if not text:
        return body or _ABSENT
    if not re.fullmatch("[0-9]{1,19}", text, re.ASCII) or int(text) > body:
        raise Malformed(f"{HEADER_LENGTH} is {text[:30]!r}, the body has {body} bytes.", "Give the size of the JSON.")
    return int(text)


def _read(text: bytes) -> _Envelope:
    try:
        return msgspec.json.decode(text, type=_Envelope)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The body is no inference request: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(
            f"The body is no JSON: {error}.", f"Where binary data follow the JSON, {HEADER_LENGTH} says its size."
        ) from error


def _only(inputs: Sequence[_Input], model: ModelMetadata) -> _Input:
    if len(inputs) != 1:
        names = " or ".join(repr(tensor.name) for tensor in model.inputs)
        raise InvalidInput(f"The request has {len(inputs)} inputs.", f"Send one, {names}, with a row for each item.")
    return inputs[0]


def _checked(given: _Input, model: ModelMetadata, max_rows: int) -> Datatype:
    """The input's data type, where the model takes such a tensor."""
    wanted, kind = model.input(given.name), datatype(given.datatype)
    wanted.check(kind, given.shape)
    if given.shape[0] > max_rows:
        raise InvalidInput(f"{given.shape[0]} items in one request are too many.", f"Send at most {max_rows}.")
    return kind


def _values(given: _Input, kind: Datatype, after: memoryview, content_type: str) -> Values:
    size = parameter(given.parameters, "binary_data_size", _SIZE, _ABSENT)
    text = memoryview(given.data)
    if size == _ABSENT and after:
        raise InvalidInput(f"{len(after)} bytes follow the JSON, but no input says that it has binary_data_size.")
    if size == _ABSENT and not text:
        raise InvalidInput(f"Input {given.name!r} brings no data.", "Send `data`, or binary data and binary_data_size.")
    if size == _ABSENT:
        own = parameter(given.parameters, "content_type", str, content_type)
        return json_data.decode(text, kind, given.shape, own)
    if text:
        raise InvalidInput(f"Input {given.name!r} brings its data twice.", "Send `data` or binary data.")
    if size != len(after):
        raise InvalidInput(
            f"binary_data_size is {size}, but {len(after)} bytes follow the JSON.", f"Is {HEADER_LENGTH} right?"
        )
    return binary_data.decode(after, kind, given.shape)


def _outputs(asked: Sequence[_Output], model: ModelMetadata, binary: bool) -> tuple[Wanted, ...]:
    names = [tensor.name for tensor in model.outputs]
    for output in asked:
        if output.name not in names:
            raise InvalidInput(f"The model {model.name!r} has no output {output.name!r}.", f"It gives {names}.")
    if len({output.name for output in asked}) != len(asked):
        raise InvalidInput("An output is asked for twice.")
    return tuple(
        Wanted(
            output.name,
            parameter(output.parameters, "binary_data", bool, binary),
            parameter(output.parameters, "classification", _CLASSES, 0),
        )
        for output in asked
    )


def _raw(body: bytes, model: ModelMetadata) -> InferenceRequest:
    """A "Raw Binary Request": the whole body is the only element of the model's input of BYTES."""
    for tensor in model.inputs:
        if tensor.datatype == Datatype.BYTES:
            return InferenceRequest("", {}, Input(tensor.name, tensor.datatype, (1,), [body]))
    raise InvalidInput(f"The model {model.name!r} takes no raw bytes.", "Send an inference request in JSON.")
