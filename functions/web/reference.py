"""The requests and answers of Microsoft's reference architectures for real-time scoring, for clients that know those.

`{"input": "a question"}` is answered with every entry as `[id, id, probability]`, `{"input": {"name": "base64 of an
image", ...}}` with the best three `[label, probability]` of each: `{"result": [..., "Computed in 1.23 ms"]}`
(https://github.com/microsoft/az-ml-realtime-score, https://github.com/microsoft/AKSDeploymentTutorialAML).
"""

import asyncio
from time import perf_counter
from typing import Annotated, Any

import msgspec

from functions.web import base64_text
from shared.errors import named, shown
from shared.faq_matching.entries import NOT_BLANK
from shared.faq_matching.model import FaqRequest
from shared.faq_matching.service import Faq
from shared.image_classification.service import Base64, Images
from shared.serving.answers import milliseconds_since

ALL = 100
BEST = 3
MOST_IMAGES = 32


class ReferenceRequest(msgspec.Struct, frozen=True):
    """A question, or images by name."""

    input: (
        Annotated[str, msgspec.Meta(min_length=1, pattern=NOT_BLANK)]
        | Annotated[dict[str, Base64], msgspec.Meta(max_length=MOST_IMAGES)]
    )


class ReferenceAnswer(msgspec.Struct, frozen=True):
    """What was found, and after it a sentence with the time it took."""

    result: list[Any]


async def reference_answer(asked: ReferenceRequest, faq: Faq, images: Images, caller: str = "") -> ReferenceAnswer:
    """Ask the model that the input is for."""
    begun = perf_counter()
    found = await (
        _entries(asked.input, faq, caller) if isinstance(asked.input, str) else _labels(asked.input, images, caller)
    )
    return ReferenceAnswer([found, f"Computed in {milliseconds_since(begun):.2f} ms"])


async def _entries(question: str, faq: Faq, caller: str) -> list[tuple[str, str, float]]:
    answer = await faq.answer(FaqRequest(question, ALL), caller)
    return [(match.id, match.id, match.probability) for match in answer.matches]


async def _labels(pictures: dict[str, str], images: Images, caller: str) -> dict[str, list[tuple[str, float]]]:
    async def labels(name: str, text: str) -> list[tuple[str, float]]:
        with named(f"Image {shown(name)}"):
            answer = await images.answer(base64_text.decode(text), BEST, caller)
        return [(found.label, found.probability) for found in answer.labels]

    found = await asyncio.gather(*(labels(name, text) for name, text in pictures.items()))
    return dict(zip(pictures, found, strict=True))
