"""Strategies for tensors of every data type, and models that take them."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from functions.web.inference.metadata import ModelMetadata
from shared.serving.datatypes import Datatype
from shared.serving.tensors import TensorMetadata

NUMBERS = [kind for kind in Datatype if kind != Datatype.BYTES]


def model(kind: Datatype, shape: tuple[int, ...]) -> ModelMetadata:
    """A model that takes one tensor `x` of this kind and gives `y` and `z`."""
    outputs = (TensorMetadata("y", Datatype.FP32, (-1, 3)), TensorMetadata("z", Datatype.BYTES, (-1, -1)))
    return ModelMetadata("m", ("1",), "test", (TensorMetadata("x", kind, shape),), outputs)


def numbers(kind: Datatype) -> st.SearchStrategy[Any]:
    """Arrays of finite numbers, up to 3 dimensions."""
    elements = {"allow_nan": False, "allow_infinity": False} if kind.dtype.kind == "f" else None
    return arrays(kind.dtype, array_shapes(max_dims=3, max_side=4), elements=elements)


def texts() -> st.SearchStrategy[Any]:
    """Arrays of text, with everything that JSON escapes."""
    elements = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\[],{}'), max_size=8)
    return array_shapes(max_dims=3, max_side=3).flatmap(
        lambda shape: arrays(np.object_, shape, elements=elements, fill=st.nothing())
    )
