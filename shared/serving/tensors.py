"""Tensors as a model describes and gives them: names, data types and shapes, whose first dimension is the batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np

from shared.errors import InvalidInput
from shared.serving.datatypes import Array, Datatype, Values, of_array

VARIABLE = -1
"""A dimension of any size."""


class TensorMetadata(msgspec.Struct, frozen=True):
    """A tensor that a model takes or gives; dimensions of any size are -1."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def check(self, datatype: Datatype, shape: tuple[int, ...]) -> None:
        """Raises InvalidInput where a tensor is not one of these; [n, 1], as MLServer's codecs send it, is [n]."""
        if datatype != self.datatype:
            raise InvalidInput(f"Input {self.name!r} is {datatype}.", f"Send {self.datatype}.")
        given = shape[:1] if len(self.shape) == 1 and shape[1:] == (1,) else shape
        if len(given) != len(self.shape) or not all(map(_fits, given, self.shape)):
            raise InvalidInput(f"Input {self.name!r} has the shape {list(shape)}.", f"Send {list(self.shape)}.")


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a model gives, (rows, ...); labels: what its columns are called, where they are classes."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    values: Values
    labels: Sequence[str] = ()

    @classmethod
    def of_array(cls, name: str, array: Array, labels: Sequence[str] = ()) -> Self:
        """A tensor of numbers or truth values."""
        return cls(name, of_array(array.dtype), array.shape, array, labels)

    @classmethod
    def of_texts(cls, name: str, rows: Sequence[Sequence[str]]) -> Self:
        """BYTES, (rows, columns), in UTF-8; every row has as many."""
        flat = [text.encode() for row in rows for text in row]
        return cls(name, Datatype.BYTES, (len(rows), len(rows[0])), flat)

    @classmethod
    def of_rows(cls, described: TensorMetadata, rows: Sequence[Any]) -> Self:
        """The tensor so described: a number or an array for each row, or for BYTES a text."""
        if described.datatype == Datatype.BYTES:
            return cls(described.name, Datatype.BYTES, (len(rows),), [text.encode() for text in rows])
        array = np.array(rows, described.datatype.dtype)
        return cls(described.name, described.datatype, array.shape, array)


def rows_of(values: Values, rows: int) -> list[Any]:
    """The rows of an input: an array for each, or for BYTES the bytes, a list of them where a row has several."""
    if not isinstance(values, list):
        return list(values)
    columns = len(values) // rows
    return values if columns == 1 else [values[at : at + columns] for at in range(0, len(values), columns)]


def _fits(size: int, wanted: int) -> bool:
    return wanted in (VARIABLE, size)
