"""One inference: from a body to the model's answer, whichever model it is."""

import asyncio
from typing import Any, Protocol

from functions.web.inference.datatypes import shown
from functions.web.inference.metadata import ModelMetadata
from functions.web.inference.request import Inference, parse
from functions.web.inference.response import Encoded, Tensor, encode
from shared.errors import NotFound
from shared.serving.served import Loaded, Served

_LARGE = 50_000  # bytes that take over a millisecond to read, so that other requests would notice


class Model[M, I, O](Protocol):
    """A served model, as this protocol sees it."""

    @property
    def served(self) -> Served[M, I, O]:
        """The model that answers."""

    def metadata(self, loaded: Loaded[M, I, O]) -> ModelMetadata:
        """What it takes and gives."""

    async def tensors(self, loaded: Loaded[M, I, O], asked: Inference, caller: str) -> list[Tensor]:
        """The outputs, with a row for each row of the input."""


async def described(model: Model[Any, Any, Any], version: str = "") -> ModelMetadata:
    """What a model says of itself. Raises NotFound for another version than the one that answers."""
    return _of_version(model.metadata(await model.served.ready()), version)


async def infer(
    model: Model[Any, Any, Any], version: str, body: bytes, header_length: str, max_rows: int, caller: str = ""
) -> Encoded:
    """The model's response to a request.

    Raises NotFound for another version than the one that answers, what is wrong with the request, or what hinders an
    answer now.
    """
    loaded = await model.served.ready()
    metadata = _of_version(model.metadata(loaded), version)
    if len(body) < _LARGE:
        asked = parse(body, header_length, metadata, max_rows)
    else:
        asked = await asyncio.to_thread(parse, body, header_length, metadata, max_rows)
    return encode(asked, metadata.name, loaded.version, await model.tensors(loaded, asked, caller))


def _of_version(metadata: ModelMetadata, version: str) -> ModelMetadata:
    if version and version not in metadata.versions:
        raise NotFound(
            f"The model {metadata.name!r} has no version {shown(version)} here.", f"It serves {metadata.versions[0]}."
        )
    return metadata
