"""The FAQ as a model of the protocol: a question in each row, the entries that answer it best out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from functions.web.inference.datatypes import Datatype
from functions.web.inference.metadata import VARIABLE, ModelMetadata, TensorMetadata
from functions.web.inference.parameters import parameter
from functions.web.inference.request import Inference
from functions.web.inference.response import Tensor
from shared.errors import InvalidInput
from shared.faq_matching.model import NAME, Faq, FaqLoaded, FaqRequest, FaqServed
from shared.serving.answers import BEST, TopK

if TYPE_CHECKING:
    from shared.faq_matching.matcher import Match, Matcher


@dataclass(frozen=True, slots=True)
class FaqInference:
    """The FAQ as a served model."""

    faq: Faq

    @property
    def served(self) -> FaqServed:
        """The model that answers."""
        return self.faq.served

    def metadata(self, loaded: FaqLoaded) -> ModelMetadata:
        """What it takes and gives."""
        return metadata(loaded.version)

    async def tensors(self, loaded: FaqLoaded, asked: Inference, caller: str) -> list[Tensor]:
        """The outputs. Raises TooLarge or InvalidInput for questions that cannot be, or what hinders an answer."""
        k = top_k(asked)
        items = [FaqRequest(question, k) for question in questions(asked)]
        for item in items:
            self.faq.check_length(item.question)
        with loaded.batcher.enter(len(items), caller) as submit:
            found = await asyncio.gather(*(asyncio.wrap_future(submit(item)) for item in items))
        return tensors(found, loaded.model.matcher)


def metadata(version: str) -> ModelMetadata:
    """What the FAQ takes and gives; k entries a row, as the parameter `top_k` says."""
    columns = (VARIABLE, VARIABLE)
    return ModelMetadata(
        NAME,
        (version,),
        "tally_faq",
        (TensorMetadata("question", Datatype.BYTES, (VARIABLE,)),),
        (
            TensorMetadata("id", Datatype.BYTES, columns),
            TensorMetadata("question", Datatype.BYTES, columns),
            TensorMetadata("answer", Datatype.BYTES, columns),
            TensorMetadata("probability", Datatype.FP32, columns),
            TensorMetadata("answered", Datatype.BOOL, (VARIABLE,)),
        ),
    )


def questions(request: Inference) -> list[str]:
    """The question of each row. Raises InvalidInput for bytes that are no text, and for nothing."""
    assert isinstance(request.input.values, list)
    try:
        texts = [value.decode() for value in request.input.values]
    except UnicodeDecodeError as error:
        raise InvalidInput("A question is not in UTF-8.", "Encode it so.") from error
    if not all(map(str.strip, texts)):
        raise InvalidInput("A question is empty.", "Send a text in each row.")
    return texts


def top_k(request: Inference) -> int:
    """How many entries are asked for in each row, 3 unless told."""
    return parameter(request.parameters, "top_k", TopK, BEST)


def tensors(found: "Sequence[Sequence[Match]]", matcher: "Matcher") -> list[Tensor]:
    """The outputs, (rows, k): the entries found for each row, best first; shorter rows end with empty texts and 0."""
    k = max(1, *map(len, found))
    entries = [[matcher.entries[match.id] for match in row] for row in found]
    probability = np.zeros((len(found), k), np.float32)
    for at, row in enumerate(found):
        probability[at, : len(row)] = [match.probability for match in row]
    return [
        Tensor.of_texts("id", [_filled([entry.id for entry in row], k) for row in entries]),
        Tensor.of_texts("question", [_filled([entry.question for entry in row], k) for row in entries]),
        Tensor.of_texts("answer", [_filled([entry.answer for entry in row], k) for row in entries]),
        Tensor.of_array("probability", probability),
        Tensor.of_array("answered", np.array([_answered(row, matcher) for row in found])),
    ]


def _answered(row: "Sequence[Match]", matcher: "Matcher") -> bool:
    return bool(row) and row[0].probability >= matcher.threshold


def _filled(texts: list[str], k: int) -> list[str]:
    return texts + [""] * (k - len(texts))
