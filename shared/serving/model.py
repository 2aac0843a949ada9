"""What the author of a real-time model writes.

All else follows from it: the current bundle is found, read, served and exchanged for the next, requests share calls,
and the Open Inference Protocol, the API's document, the metrics and the health checks know the model.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import msgspec

from shared.bundles.registry import Bundle, Registry
from shared.serving.tensors import Tensor, TensorMetadata
from shared.settings import Settings
from shared.storage import BlobStore


class NoParameters(msgspec.Struct, frozen=True):
    """Nothing may be said beside the input."""


class RealTimeModel[M, I, O](ABC):
    """A model that answers over HTTP: M is what is read from a bundle, I an item that it scores, O what that gives.

    `load`, `score`, `inputs` and `outputs` suffice where an item is a row of the input, and O a row of the only output.
    settings, store: the app's settings, and the container `bundles`.
    """

    name: ClassVar[str]
    """What it is called in routes, metrics and health."""
    platform: ClassVar[str] = "tally_python"
    """The protocol's `platform`: the framework and the format of the model."""
    parameters: ClassVar[type[msgspec.Struct]] = NoParameters
    """What a request may say beside its input; every member has a default."""
    takes_files: ClassVar[bool] = False
    """Whether BYTES are files and never text: those that come in base64 are opened."""

    def __init__(self, settings: Settings, store: BlobStore) -> None:
        self.settings, self.store = settings, store

    @staticmethod
    @abstractmethod
    def registry(store: BlobStore) -> Registry[Any]:
        """Its bundles in the container `bundles`, and the one that ships."""

    @abstractmethod
    def load(self, bundle: Bundle[Any]) -> M:
        """The model in a bundle, ready to answer. Raises BundleError where it cannot be used."""

    @abstractmethod
    def score(self, model: M, items: Sequence[I]) -> Sequence[O]:
        """One call of the model, with what several requests ask; one output for each item."""

    @abstractmethod
    def inputs(self, model: M) -> tuple[TensorMetadata, ...]:
        """The tensors that it takes: as many ways to say the same, of which a request brings one."""

    @abstractmethod
    def outputs(self, model: M) -> tuple[TensorMetadata, ...]:
        """The tensors that it gives."""

    async def items(self, model: M, rows: Sequence[Any], parameters: Any) -> Sequence[I]:
        """An item for each row of the input. Raises InvalidInput for a row that cannot be one."""
        return rows

    def tensors(self, model: M, scored: Sequence[O], parameters: Any) -> list[Tensor]:
        """The outputs, with a row for each item."""
        (output,) = self.outputs(model)
        return [Tensor.of_rows(output, scored)]

    def wanted(self) -> Hashable:
        """What is to be served now: looked up often, so cheap. Raises Transient where storage does not answer."""
        return self.registry(self.store).current()

    def read(self, wanted: Hashable, before: M | None) -> tuple[str, M]:
        """The version and the model to be served; `before` is the one it takes the place of."""
        bundle = self.registry(self.store).current_bundle()
        return bundle.version, self.load(bundle)

    def problem(self, model: M) -> str:
        """What is wrong with a model that answers nevertheless; empty: nothing."""
        return ""
