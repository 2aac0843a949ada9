"""Binary tensor data are what Triton's own client makes of them, and never more than their size allows."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from functions.web.inference import binary_data
from shared.errors import InvalidInput
from shared.serving.datatypes import Datatype
from tests.functions.web.inference.tensors import NUMBERS, numbers


def decode(data: bytes, kind: str, *shape: int) -> Any:
    return binary_data.decode(memoryview(data), Datatype(kind), shape)


@given(st.sampled_from(NUMBERS).flatmap(lambda kind: st.tuples(st.just(kind), numbers(kind))))
def test_numbers_come_back(case: tuple[Datatype, Any]) -> None:
    kind, array = case
    found = decode(array.tobytes(), kind, *array.shape)
    assert found.dtype == kind.dtype
    np.testing.assert_array_equal(found, array)
    assert binary_data.encode(found) == array.tobytes()
    assert binary_data.encode(array.astype(array.dtype.newbyteorder(">"))) == array.tobytes()


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_bytes_come_back_as_the_client_writes_and_reads_them(values: list[bytes]) -> None:
    written = serialize_byte_tensor(np.array(values, dtype=np.object_)).item()
    assert decode(written, "BYTES", len(values)) == values
    assert binary_data.encode(values) == written
    assert deserialize_bytes_tensor(written).tolist() == values


@pytest.mark.parametrize(
    ("data", "kind", "shape", "reason"),
    [
        (b"", "FP32", (1,), "takes 4 bytes, the data are 0"),
        (b"12345", "FP32", (1,), "takes 4 bytes, the data are 5"),
        (b"1234", "FP32", (2**63 - 1,) * 8, "the data are 4"),
        (b"\x02", "BOOL", (1,), "no BOOL"),
        (struct.pack("<f", float("nan")), "FP32", (1,), "NaN"),
        (struct.pack("<d", float("-inf")), "FP64", (1,), "infinity"),
        (b"1234", "BYTES", (2**63 - 1,), "elements take"),
        (b"\x00\x00\x00\x00", "BYTES", (2,), "elements take"),
        (b"\x05\x00\x00\x00abcd", "BYTES", (1,), "claims 5 bytes, 4 are there"),
        (b"\xff\xff\xff\xffabcd", "BYTES", (1,), "claims 4294967295 bytes"),
        (b"\x01\x00\x00\x00ab", "BYTES", (1,), "1 bytes after the last"),
        (b"\x02\x00\x00\x00ab\x01\x00", "BYTES", (2,), "end within the length of element 1"),
    ],
)
def test_data_that_do_not_fit_are_refused(data: bytes, kind: str, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        decode(data, kind, *shape)


@given(st.binary(max_size=40), st.sampled_from(list(Datatype)), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_any_bytes_are_read_or_refused(data: bytes, kind: Datatype, shape: list[int]) -> None:
    try:
        found = decode(data, kind, *shape)
    except InvalidInput:
        return
    assert binary_data.encode(found) == data
