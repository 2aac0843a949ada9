"""One inference: from a body to the model's answer, whichever model it is."""

import asyncio
from typing import Any

from functions.web.base64_text import decode_if
from functions.web.inference.metadata import ModelMetadata
from functions.web.inference.parameters import read_parameters
from functions.web.inference.request import parse
from functions.web.inference.response import Encoded, encode
from shared.errors import NotFound
from shared.serving.datatypes import shown
from shared.serving.served import Loaded, Served
from shared.serving.tensors import rows_of

_LARGE = 50_000  # bytes that take over a millisecond to read, so that other requests would notice


async def describe[M, I, O](served: Served[M, I, O], version: str = "") -> ModelMetadata:
    """What a model says of itself. Raises NotFound for another version than the one that answers."""
    return _metadata(served, await served.ready(), version)


async def infer[M, I, O](
    served: Served[M, I, O], version: str, body: bytes, header_length: str, max_rows: int, caller: str = ""
) -> Encoded:
    """The model's response to a request.

    Raises NotFound for another version than the one that answers, what is wrong with the request, or what hinders an
    answer now.
    """
    loaded, declared = await served.ready(), served.declared
    metadata = _metadata(served, loaded, version)
    if len(body) < _LARGE:
        asked = parse(body, header_length, metadata, max_rows)
    else:
        asked = await asyncio.to_thread(parse, body, header_length, metadata, max_rows)
    parameters = read_parameters(asked.parameters, declared.parameters)
    values = asked.input.values
    if declared.takes_files and isinstance(values, list):
        values = list(map(decode_if, values))
    rows = rows_of(values, asked.input.shape[0])
    scored = await served.score(loaded, rows, parameters, caller)
    return encode(asked, served.name, loaded.version, declared.tensors(loaded.model, scored, parameters))


def _metadata(served: Served[Any, Any, Any], loaded: Loaded[Any, Any, Any], version: str) -> ModelMetadata:
    """What the model that answers says of itself. Raises NotFound where another version is asked for."""
    if version and version != loaded.version:
        raise NotFound(
            f"The model {served.name!r} has no version {shown(version)} here.", f"It serves {loaded.version}."
        )
    declared, model = served.declared, loaded.model
    return ModelMetadata(
        served.name, (loaded.version,), declared.platform, declared.inputs(model), declared.outputs(model)
    )
