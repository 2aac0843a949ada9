"""Image classification: a picture in, the labels that fit it best out."""

import asyncio
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import msgspec

from shared.errors import InvalidInput, TooLarge
from shared.serving.answers import BEST, ModelName, Probability, TopK, milliseconds_since
from shared.serving.served import Loaded, Served
from shared.storage import BlobStore

if TYPE_CHECKING:
    import numpy as np

    from shared.image_classification.classifier import Classifier

NAME = "image"


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
class ImageSource:
    """The current bundle, or the classifier that ships."""

    store: BlobStore
    threads: int

    def wanted(self) -> Hashable:
        from shared.image_classification.bundle import registry

        return registry(self.store).current()

    def load(self, wanted: Hashable, before: "Classifier | None") -> "tuple[str, Classifier]":
        from shared.image_classification.bundle import read

        bundle = read(self.store, threads=self.threads)
        return bundle.version, bundle.classifier

    def problem(self, model: "Classifier") -> str:
        return ""

    def score(self, model: "Classifier", items: "Sequence[np.ndarray]") -> "Sequence[np.ndarray]":
        import numpy as np

        return list(model.classify(np.stack(items)))


@contextmanager
def named(which: str) -> Iterator[None]:
    """Says in an error of which picture it is, where there are several."""
    try:
        yield
    except InvalidInput as error:
        raise type(error)(f"{which}: {error.message}", error.hint) from error


type ImageServed = "Served[Classifier, np.ndarray, np.ndarray]"
type ImageLoaded = "Loaded[Classifier, np.ndarray, np.ndarray]"


@dataclass(frozen=True, slots=True)
class Images:
    """What the image routes call. decoders: where pictures are decoded, beside the event loop."""

    served: ImageServed
    decoders: Executor
    max_bytes: int
    max_pixels: int

    async def answer(self, image: bytes, top_k: int = BEST, caller: str = "") -> ImageAnswer:
        """The labels that fit best.

        Raises TooLarge, InvalidInput for what is no picture, or what hinders an answer now.
        """
        begun = perf_counter()
        loaded = await self.served.ready()
        row = await self.scored(loaded, image, caller)
        labels = [ImageLabel(found.label, found.probability) for found in loaded.model.top(row, top_k)]
        return ImageAnswer(labels, ModelName(NAME, loaded.version), milliseconds_since(begun))

    async def scored(self, loaded: ImageLoaded, image: bytes, caller: str = "") -> "np.ndarray":
        """The probability of each label, (classes,) float32."""
        self.check_size(image)
        with loaded.batcher.enter(1, caller) as submit:
            prepared = await self.prepared(loaded.model, image)
            return await asyncio.wrap_future(submit(prepared))

    async def prepared(self, model: "Classifier", image: bytes) -> "np.ndarray":
        """A picture as the model's input."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.decoders, model.prepare, image, self.max_pixels)

    def check_size(self, image: bytes) -> None:
        """Raises TooLarge for a file over the limit, InvalidInput for an empty one."""
        if not image:
            raise InvalidInput("The image is empty: it has no bytes.", "Send the file itself.")
        if len(image) > self.max_bytes:
            raise TooLarge(f"The image has {len(image)} bytes, {self.max_bytes} are allowed.", "Send a smaller one.")
