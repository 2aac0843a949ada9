"""What the server and its models say of themselves: the protocol's objects for health and metadata."""

import msgspec

from shared.errors import InvalidInput
from shared.serving.datatypes import Datatype, shown
from shared.serving.tensors import TensorMetadata

UNNAMED = "input-1"  # what MLServer's request codecs call the only input
EXTENSIONS = ("binary_tensor_data", "classification", "parameters")


class ServerMetadata(msgspec.Struct, frozen=True):
    """What the server is, and which extensions of the protocol it speaks."""

    name: str
    version: str
    extensions: tuple[str, ...] = EXTENSIONS


class ServerLive(msgspec.Struct, frozen=True):
    """The process answers."""

    live: bool = True


class ServerReady(msgspec.Struct, frozen=True):
    """Whether every model answers; `live` is what the protocol's document calls this member."""

    ready: bool
    live: bool = True


class ModelReady(msgspec.Struct, frozen=True):
    """The model answers."""

    name: str
    ready: bool = True


class ModelMetadata(msgspec.Struct, frozen=True):
    """What a model takes and gives.

    Several inputs are as many ways to say the same: a request brings one of them.
    """

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]

    def input(self, name: str, datatype: Datatype) -> TensorMetadata:
        """The input called so, or of this type where it bears no name. Raises InvalidInput where there is none."""
        for tensor in self.inputs:
            if tensor.name == name or (name == UNNAMED and tensor.datatype == datatype):
                return tensor
        names = " or ".join(repr(tensor.name) for tensor in self.inputs)
        raise InvalidInput(f"The model {self.name!r} has no input {shown(name)}.", f"It takes {names}.")
