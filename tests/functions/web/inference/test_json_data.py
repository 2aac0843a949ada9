"""Tensor data in JSON mean what they say, nested or flat, and nothing is made of what does not fit its shape."""

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.web.inference import json_data
from shared.errors import InvalidInput
from shared.serving.datatypes import Datatype
from tests.functions.web.inference.tensors import NUMBERS, numbers, texts


def decode(text: str, kind: str, *shape: int, content_type: str = "") -> Any:
    return json_data.decode(memoryview(text.encode()), Datatype(kind), shape, content_type)


@given(st.sampled_from(NUMBERS).flatmap(lambda kind: st.tuples(st.just(kind), numbers(kind))), st.booleans())
def test_numbers_come_back_nested_and_flat(case: tuple[Datatype, Any], nested: bool) -> None:
    kind, array = case
    text = json.dumps(array.tolist() if nested else array.ravel().tolist(), indent=1 if nested else None)
    found = decode(text, kind, *array.shape)
    assert found.dtype == kind.dtype
    np.testing.assert_array_equal(found, array)
    assert json_data.encode(found) == array.ravel().tolist()


@given(texts(), st.booleans(), st.booleans())
def test_texts_come_back_nested_and_flat(array: Any, nested: bool, ascii_only: bool) -> None:
    values = array.tolist() if nested else array.ravel().tolist()
    found = decode(json.dumps(values, ensure_ascii=ascii_only), "BYTES", *array.shape)
    assert json_data.encode(found) == array.ravel().tolist()


def test_bytes_may_come_in_base64() -> None:
    assert decode('["/wA=", ""]', "BYTES", 2, content_type="base64") == [b"\xff\x00", b""]


@pytest.mark.parametrize(
    ("text", "kind", "shape", "reason"),
    [
        ("[1, 2, 3]", "FP32", (2, 2), "4 elements, the data 3"),
        ("[1]", "FP32", (2**63 - 1,) * 8, "elements, the data 1"),
        ("[]", "FP32", (1,), "the data 0"),
        ("[[], []]", "FP32", (2, 1), "the data 0"),
        ("[[], [], []]", "FP32", (3, 2), "the data 3"),
        ("[[[]], [[]]]", "FP32", (2, 1), "nested otherwise"),
        ("[[1, 2], [3]]", "FP32", (3, 1), "nested otherwise"),
        ("[[1, 2], 3]", "FP32", (3,), "nested otherwise"),
        ("[1, [2, 3]]", "FP32", (3,), "not FP32"),
        ('[["a", "[b"], ["c"]]', "BYTES", (3, 1), "nested otherwise"),
        ("[[null], [true]]", "BYTES", (2, 1), "an element is no string"),
        ('["a"]', "BYTES", (2,), "2 elements, the data 1"),
        ("5", "FP32", (1,), "no array"),
        ('"text"', "BYTES", (1,), "no array"),
        ("null", "BYTES", (1,), "no array"),
        ('{"a": 1}', "FP32", (1,), "no array"),
        ('["1"]', "FP32", (1,), "not FP32"),
        ("[true]", "FP32", (1,), "not FP32"),
        ("[null]", "FP32", (1,), "not FP32"),
        ("[1]", "BOOL", (1,), "not BOOL"),
        ("[1.5]", "INT8", (1,), "not INT8"),
        ("[1]", "BYTES", (1,), "an element is no string"),
        ('["a", 1]', "BYTES", (1,), "not BYTES"),
        ('["a", {"b": 1}]', "BYTES", (2,), "not BYTES"),
        ("[128]", "INT8", (1,), "INT8 cannot"),
        ("[-1]", "UINT64", (1,), "UINT64 cannot"),
        ("[18446744073709551616]", "UINT64", (1,), "UINT64 cannot"),
        ("[1e39]", "FP32", (1,), "FP32 cannot"),
        ("[65520]", "FP16", (1,), "FP16 cannot"),
        ("[" + "9" * 4000 + "]", "INT64", (1,), "INT64 cannot"),
        ("[" + "9" * 4000 + "]", "FP64", (1,), "not FP64"),
    ],
)
def test_data_that_do_not_fit_are_refused(text: str, kind: str, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        decode(text, kind, *shape)


@pytest.mark.parametrize("text", ['["a"]', '["YQ==YQ=="]', '["Y%Q"]', '["data:,YQ"]', '["ü"]'])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="base64"):
        decode(text, "BYTES", 1, content_type="base64")


@pytest.mark.parametrize("text", ["YWI/", "YWI_", "YW\\r\\nI/", "data:image/png;base64,YWI/", "YWI/YQ", "YWI/YQ=="])
def test_base64_is_read_as_programs_write_it(text: str) -> None:
    assert decode(f'["{text}"]', "BYTES", 1, content_type="base64")[0].startswith(b"ab?")


def test_bytes_that_are_no_utf_8_are_refused() -> None:
    with pytest.raises(InvalidInput, match="not in UTF-8"):
        json_data.decode(memoryview(b'["\xff"]'), Datatype.BYTES, (1,))


@pytest.mark.parametrize(
    ("part", "kind"), [("[],", "FP32"), ("[],", "BYTES"), ("1,", "FP32"), ('"a",', "BYTES"), ('"",', "BYTES")]
)
def test_more_data_than_the_shape_says_take_no_memory(part: str, kind: str) -> None:
    text = memoryview(f"[{part * 200_000}1]".encode())
    tracemalloc.start()
    with pytest.raises(InvalidInput, match=r"[Tt]he data"):
        json_data.decode(text, Datatype(kind), (100,))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 3 * len(text)
