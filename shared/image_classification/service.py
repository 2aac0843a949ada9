"""What the routes of image classification ask: a picture in, the labels that fit it best out."""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated

import msgspec

from shared.image_classification.model import ImageClassification, ImageServed
from shared.serving.answers import BEST, ModelName, Probability, TopK, milliseconds_since

Base64 = Annotated[
    str,
    msgspec.Meta(
        description="The file's bytes in base64, also as a data URL: JPEG, PNG, WebP, BMP or GIF.",
        extra_json_schema={"contentEncoding": "base64"},
    ),
]
File = Annotated[
    str,
    msgspec.Meta(
        description="The file: JPEG, PNG, WebP, BMP or GIF.",
        extra_json_schema={"format": "binary", "contentMediaType": "application/octet-stream"},
    ),
]


class ImageRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture as JSON; it may also be the body itself, or the part `image` of a form."""

    image: Base64
    top_k: TopK = BEST


class ImageForm(msgspec.Struct, frozen=True):
    """A picture as a form with files."""

    image: File
    top_k: TopK = BEST


class ImageLabel(msgspec.Struct, frozen=True):
    """What may be in the picture."""

    label: str
    probability: Probability


class ImageAnswer(msgspec.Struct, frozen=True):
    """The labels that fit best."""

    labels: list[ImageLabel]
    model: ModelName
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Images:
    """What the image routes call."""

    served: ImageServed

    async def answer(self, image: bytes, top_k: int = BEST, caller: str = "") -> ImageAnswer:
        """The labels that fit a file best.

        Raises TooLarge, InvalidInput for what is no picture, or what hinders an answer now.
        """
        begun = perf_counter()
        loaded = await self.served.ready()
        declared = self.served.declared
        assert isinstance(declared, ImageClassification)
        with loaded.batcher.enter(1, caller) as submit:
            prepared = await declared.prepared(loaded.model, image)
            row = await asyncio.wrap_future(submit(prepared))
        labels = [ImageLabel(found.label, found.probability) for found in loaded.model.top(row, top_k)]
        return ImageAnswer(labels, ModelName(self.served.name, loaded.version), milliseconds_since(begun))
