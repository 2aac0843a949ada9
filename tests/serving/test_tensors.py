"""Inputs are cut into rows, and rows become outputs, as the tensors' descriptions say."""

import numpy as np
import pytest

from shared.serving.datatypes import Datatype
from shared.serving.tensors import VARIABLE, Tensor, TensorMetadata, rows_of


def test_rows_of_texts_are_texts_or_lists_of_them() -> None:
    assert rows_of([b"a", b"b"], 2) == [b"a", b"b"]
    assert rows_of([b"a", b"b", b"c", b"d"], 2) == [[b"a", b"b"], [b"c", b"d"]]


def test_rows_of_numbers_are_arrays() -> None:
    first, second = rows_of(np.array([[1, 2], [3, 4]]), 2)
    assert (first.tolist(), second.tolist()) == ([1, 2], [3, 4])


@pytest.mark.parametrize(
    ("rows", "shape"), [([1.5, 2], (2,)), ([np.array([1, 2, 3])] * 2, (2, 3)), ([[True], [False]], (2, 1))]
)
def test_numbers_become_a_tensor_of_the_datatype_that_is_described(rows: list[object], shape: tuple[int, ...]) -> None:
    tensor = Tensor.of_rows(TensorMetadata("y", Datatype.FP32, (VARIABLE,)), rows)
    assert (tensor.name, tensor.datatype, tensor.shape) == ("y", Datatype.FP32, shape)
    np.testing.assert_array_equal(tensor.values, np.array(rows, np.float32))


def test_texts_become_bytes() -> None:
    tensor = Tensor.of_rows(TensorMetadata("label", Datatype.BYTES, (VARIABLE,)), ["grün", ""])
    assert (tensor.shape, tensor.values) == ((2,), ["grün".encode(), b""])
