"""Messages reach the consumer with their place and time, and otherwise byte for byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.eventhub.amqp.decoding import decode
from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.error import AmqpError
from peers.eventhub.amqp.types import Described, Long, Symbol, Timestamp, ULong
from peers.eventhub.messages import BATCH_FORMAT, read_message, read_transfer, sections, stamp
from tests.peers.eventhub.test_types import SCALARS, SYMBOLS


def section(code: int, value: object) -> bytes:
    return encode(Described(ULong(code), value))


def contents(message: bytes) -> list[tuple[int, object]]:
    return [(part.code, decode(message, part.value)[0]) for part in sections(message)]


@settings(max_examples=40)
@given(
    st.dictionaries(SYMBOLS.filter(lambda name: not name.startswith("x-opt-")), SCALARS, max_size=20),
    st.binary(max_size=500),
    st.none() | st.text(),
    st.integers(0, 2**62),
    st.integers(0, 2**62),
)
def test_a_stamped_message_keeps_the_senders_annotations_and_body(
    annotations: dict[Symbol, object], body: bytes, key: str | None, sequence: int, offset: int
) -> None:
    own = dict(annotations) | ({Symbol("x-opt-partition-key"): key} if key is not None else {})
    sent = section(0x70, [True]) + section(0x72, own) + section(0x74, {"a": Long(1)}) + section(0x75, body)
    places = {
        Symbol("x-opt-sequence-number-epoch"): -1,
        Symbol("x-opt-sequence-number"): Long(sequence),
        Symbol("x-opt-offset"): str(offset),
        Symbol("x-opt-enqueued-time"): Timestamp(5),
    }
    received = contents(stamp(read_message(sent), sequence, offset, 5))
    assert received == [(0x72, own | places), (0x74, {"a": 1}), (0x75, body)]


def test_a_sender_cannot_choose_its_place() -> None:
    sent = section(0x72, {Symbol("x-opt-offset"): "7", Symbol("x-opt-sequence-number"): Long(7)})
    (_, annotations), *_ = contents(stamp(read_message(sent), 1, 2, 3))
    places = {"x-opt-sequence-number-epoch": -1, "x-opt-sequence-number": 1, "x-opt-offset": "2"}
    assert annotations == places | {"x-opt-enqueued-time": 3}


def test_a_batch_holds_whole_messages_under_its_key() -> None:
    inner = [section(0x75, b"one"), section(0x72, {Symbol("x-opt-partition-key"): "own"}) + section(0x75, b"two"), b""]
    outer = section(0x72, {Symbol("x-opt-partition-key"): "outer"})
    payload = outer + b"".join(section(0x75, message) for message in inner)
    messages = read_transfer(BATCH_FORMAT, payload)
    assert [message.key for message in messages] == ["outer", "own", "outer"]
    assert [message.bare for message in messages] == [inner[0], section(0x75, b"two"), b""]


def test_annotations_too_long_to_be_remembered_are_read_as_well() -> None:
    sent = section(0x72, {Symbol("x-long"): "x" * 1000, Symbol("x-opt-partition-key"): "key"})
    assert read_message(sent).key == "key"


@pytest.mark.parametrize("payload", [b"junk", b"\x00\x53\x75", section(0x72, [None]), section(0x75, b"x")[:-1]])
def test_what_is_no_message_is_a_decode_error(payload: bytes) -> None:
    with pytest.raises(AmqpError, match="decode-error"):
        read_transfer(0, payload)


@settings(max_examples=40)
@given(st.binary(max_size=200), st.sampled_from([0, BATCH_FORMAT]), st.sampled_from([b"", b"\0Sr\xc1", b"\0Su\xa0"]))
def test_arbitrary_bytes_are_messages_or_an_amqp_error(data: bytes, message_format: int, start: bytes) -> None:
    try:
        for message in read_transfer(message_format, start + data):
            stamp(message, 0, 0, 0)
    except AmqpError:
        pass
