"""Reading a batch at once gives exactly what reading each event by itself gives."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.readings.batch import _decoder_for, _parse_each, parse_batch

times = st.sampled_from(["2018-04-06T20:59:55.7096564Z", "2018-04-06 20:59:55", "2018-02-30T00:00:00", "1", ""])
ids = st.sampled_from(["a", 1, 2.0, 2.5, "", "\n", 2**70, True, None, "é", "\x85"]) | st.text(max_size=3)
values = st.floats() | st.integers() | st.sampled_from(["1", "x", None, True, -0.0, 1e151])
names = st.sampled_from(
    [("TS", "Device", "Tag", "Value"), ("ts", "device", "sensor", "value"), ("TS", "Device", "Sensor", "x")]
)
objects = st.builds(
    lambda keys, row, more: json.dumps(dict(zip(keys, row, strict=True)) | more).encode(),
    names,
    st.tuples(times, ids, ids, values),
    st.sampled_from([{}, {}, {}, {"unit": "C"}, {"Tag": 1}, {"TS": "x"}]),
)
GOOD = b'{"TS":"2018-04-06T20:59:55Z","Device":1,"Tag":2,"Value":3}'
pieces = st.sampled_from(
    [GOOD, b"", b" ", GOOD + GOOD, GOOD[:20], GOOD[20:], GOOD + b"\n" + GOOD, b"{}", b"\xff", b"}"]
)
mostly_good = st.lists(st.one_of(st.just(GOOD), st.just(GOOD), objects), min_size=16, max_size=40)


def assert_same(bodies: Sequence[bytes]) -> None:
    together, each = parse_batch(bodies), _parse_each(bodies)
    assert together.reasons == each.reasons
    assert together.series == each.series
    assert together.times.tobytes() == each.times.tobytes()
    assert together.values.tobytes() == each.values.tobytes()


@given(st.lists(objects, max_size=40))
def test_of_objects_of_any_kind(bodies: list[bytes]) -> None:
    assert_same(bodies)


@given(mostly_good)
def test_of_mostly_good_ones(bodies: list[bytes]) -> None:
    assert_same(bodies)


@given(st.lists(pieces, min_size=16, max_size=36))
@settings(max_examples=200)
def test_of_bodies_that_fit_together_wrongly(bodies: list[bytes]) -> None:
    assert_same(bodies)


@given(st.lists(st.binary(max_size=40), min_size=16, max_size=20), st.integers(0, 15))
def test_of_any_bytes_among_good_ones(bodies: list[bytes], place: int) -> None:
    assert_same([*[GOOD] * place, *bodies, *[GOOD] * 16])


@pytest.mark.parametrize(
    "bodies",
    [
        [GOOD + GOOD, b"", *[GOOD] * 20],
        [GOOD + b" " + GOOD[:20], GOOD[20:], *[GOOD] * 20],
        [*[GOOD] * 20, b'{"TS":"', b'"}'],
        [b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}"] * 16,
    ],
)
def test_of_two_objects_in_one_event_beside_none_in_another(bodies: list[bytes]) -> None:
    assert_same(bodies)


def test_a_good_batch_is_decoded_at_once() -> None:
    assert _decoder_for(("TS", "Device", "Tag", "Value")) is not None
    assert _decoder_for(("TS", "Device", "Tag", "Value", "unit")) is not None


def test_negative_zero_is_zero_on_both_ways() -> None:
    body = GOOD.replace(b":3", b":-0.0")
    assert parse_batch([body] * 20).values.tobytes() == parse_batch([body]).values.tobytes() * 20 == bytes(160)
