"""Performatives and frames."""

from dataclasses import fields

import pytest
from azure.eventhub._pyamqp._decode import decode_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.eventhub.amqp.error import AmqpError
from peers.eventhub.amqp.frames import (
    MAX_FRAME_SIZE,
    MIN_MAX_FRAME_SIZE,
    Frame,
    frames_needed,
    take_frame,
    write_frame,
    write_transfers,
)
from peers.eventhub.amqp.performatives import Attach, Close, Flow, Open, Performative, Transfer, pack, unpack
from peers.eventhub.amqp.types import UByte, UInt

EXAMPLES: list[Performative] = [
    Open(container_id="a", max_frame_size=UInt(512)),
    Attach(name="link", handle=UInt(3), role=True),
    Flow(incoming_window=UInt(1), next_outgoing_id=UInt(0), outgoing_window=UInt(1), link_credit=UInt(300)),
    Close(),
]


@pytest.mark.parametrize("performative", EXAMPLES, ids=lambda item: type(item).__name__)
def test_a_performative_is_the_same_after_a_round_trip(performative: Performative) -> None:
    assert unpack(pack(performative) + b"payload") == (performative, b"payload")


@pytest.mark.parametrize("performative", EXAMPLES, ids=lambda item: type(item).__name__)
def test_the_sdk_finds_every_field_even_those_left_out(performative: Performative) -> None:
    code, values = decode_frame(memoryview(pack(performative)))
    assert (code, len(values)) == (performative.code, len(fields(performative)))


@pytest.mark.parametrize(
    "body",
    [
        b"\x40",
        b"\x00\x53\x10\xc0\x01\x00",
        b"\x00\x53\x99\xc0\x01\x00",
        pack(Close())[:-1],
        b"\x00\x53\x18\xc0\x03\x02\x40\x40",
        b"\x00\xa3\x01a\x45",
    ],
)
def test_a_body_that_is_no_performative_is_an_error(body: bytes) -> None:
    with pytest.raises(AmqpError):
        unpack(body)


@settings(max_examples=30)
@given(st.lists(st.sampled_from(EXAMPLES), max_size=5), st.data())
def test_frames_are_found_however_the_stream_is_cut(sent: list[Performative], data: st.DataObject) -> None:
    stream = b"".join(write_frame(number, item) for number, item in enumerate(sent))
    cut = data.draw(st.integers(0, len(stream)))
    buffer, found = bytearray(), []
    for part in (stream[:cut], stream[cut:]):
        buffer += part
        while frame := take_frame(buffer):
            found.append((frame.channel, unpack(frame.body)[0]))
    assert found == list(enumerate(sent))
    assert not buffer


@pytest.mark.parametrize("head", ["00000007 02000000", "00010001 02000000", "00000010 01000000", "00000010 05000000"])
def test_a_frame_of_an_impossible_size_is_an_error(head: str) -> None:
    with pytest.raises(AmqpError, match="framing-error"):
        take_frame(bytearray.fromhex(head) + bytes(16))


@settings(max_examples=30)
@given(st.integers(0, 3000), st.integers(MIN_MAX_FRAME_SIZE, 1100))
def test_a_delivery_is_cut_into_frames_that_join_to_it(length: int, limit: int) -> None:
    payload = bytes(number % 251 for number in range(length))
    written = write_transfers(7, 2, 41, payload, limit)
    buffer = bytearray(b"".join(written))
    total, joined, more = len(buffer), b"", []
    while frame := take_frame(buffer):
        transfer, part = unpack(frame.body)
        assert isinstance(transfer, Transfer)
        assert (frame.channel, transfer.handle) == (7, 2)
        assert (transfer.delivery_id, transfer.settled) == ((None, None) if more else (41, True))
        assert total - len(buffer) <= limit
        total = len(buffer)
        joined += part
        more.append(transfer.more)
    assert joined == payload
    assert more == [True] * (len(written) // 2 - 1) + [False]
    assert len(more) <= frames_needed(length, limit)


def test_an_extended_header_is_passed_over() -> None:
    frame = write_frame(1, Close())
    extended = (len(frame) + 4).to_bytes(4) + b"\x03\x00\x00\x01" + b"EXT!" + frame[8:]
    assert take_frame(bytearray(extended)) == Frame(0, 1, frame[8:])
    assert len(extended) < MAX_FRAME_SIZE


def test_a_field_of_the_wrong_type_is_an_error() -> None:
    good = pack(Attach(name="link", handle=UInt(3), role=True, snd_settle_mode=UByte(1)))
    with pytest.raises(AmqpError, match=r"Attach\.role"):
        unpack(good.replace(b"\x52\x03\x41", b"\x52\x03\x40"))
