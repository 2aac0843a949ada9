"""AMQP values keep their type and their bytes."""

import contextlib
from uuid import UUID

import pytest
from azure.eventhub._pyamqp._decode import _DECODE_BY_CONSTRUCTOR
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.eventhub.amqp import types
from peers.eventhub.amqp.decoding import decode, skip
from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.error import AmqpError
from peers.eventhub.amqp.types import Array, Described, Opaque, Symbol, Timestamp, UInt, ULong


def integers(kind: type[int], bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low = -(1 << bits - 1) if signed else 0
    return st.integers(low, low + (1 << bits) - 1).map(kind)


UNSIGNED = [(types.UByte, 8), (types.UShort, 16), (types.UInt, 32), (types.ULong, 64)]
SIGNED = [(types.Byte, 8), (types.Short, 16), (types.Int, 32), (types.Long, 64), (Timestamp, 64)]
SYMBOLS = st.text(st.characters(codec="ascii"), max_size=300).map(Symbol)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    *(integers(kind, bits, signed=False) for kind, bits in UNSIGNED),
    *(integers(kind, bits, signed=True) for kind, bits in SIGNED),
    st.floats(allow_nan=False),
    st.binary(max_size=300),
    st.text(max_size=300),
    SYMBOLS,
    st.uuids(),
    st.binary(min_size=4, max_size=4).map(lambda data: Opaque(0x72, data)),
)
ARRAYS = st.one_of(st.lists(st.text()), st.lists(SYMBOLS)).map(Array)
VALUES = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.text() | SYMBOLS, inner, max_size=5),
        st.builds(Described, integers(ULong, 8, signed=False), inner),
    ),
    max_leaves=20,
)


def same(one: object, other: object) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))  # type: ignore[arg-type]
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))  # type: ignore[attr-defined]
    if isinstance(one, Described):
        return same((one.descriptor, one.value), (other.descriptor, other.value))  # type: ignore[attr-defined]
    return one == other


@settings(max_examples=60)
@given(VALUES, st.binary(max_size=9), st.binary(max_size=9))
def test_a_value_is_the_same_after_a_round_trip_wherever_it_stands(value: object, before: bytes, after: bytes) -> None:
    data = before + encode(value) + after
    read, end = decode(data, len(before))
    assert same(read, value)
    assert end == skip(data, len(before)) == len(data) - len(after)


@settings(max_examples=60)
@given(st.one_of(SCALARS.filter(lambda value: not isinstance(value, Opaque)), ARRAYS))
def test_the_sdk_reads_what_is_written(value: object) -> None:
    data = encode(value)
    rest, read = _DECODE_BY_CONSTRUCTOR[data[0]](memoryview(data)[1:])
    expected = [item.encode() for item in value] if isinstance(value, Array) else value
    expected = expected.encode() if isinstance(expected, str) else expected
    assert (bytes(rest), read) == (b"", expected)


@settings(max_examples=60)
@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_a_value_or_an_amqp_error(data: bytes) -> None:
    for read in (decode, lambda data: skip(data, 0)):
        with contextlib.suppress(AmqpError):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"\xc0\x02\x01\xc0" * 40,
        b"\xd0\x00\x00\x00\x08\xff\xff\xff\xff\x40\x40\x40\x40",
        b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40",
        b"\xc1\x02\x01\x40",
        b"\xa1\x02\xff\xff",
        b"\xa1\xff",
        b"\x01",
        b"\xc1\x03\x02\x45\x40",
    ],
)
def test_what_is_cut_short_nested_or_exaggerated_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(AmqpError):
        decode(data)


@pytest.mark.parametrize("value", [5, {5: None}, Array([UInt(1)]), Array(["a", Symbol("b")]), object()])
def test_a_value_without_an_amqp_type_cannot_be_written(value: object) -> None:
    with pytest.raises(TypeError):
        encode(value)


def test_an_empty_list_is_written_with_its_size_because_the_sdk_needs_it() -> None:
    assert encode([]) == b"\xc0\x01\x00"


def test_a_uuid_is_sixteen_bytes() -> None:
    assert encode(UUID(int=1)) == b"\x98" + bytes(15) + b"\x01"
