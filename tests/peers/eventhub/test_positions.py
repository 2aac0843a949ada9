"""Where a consumer starts."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.eventhub.amqp.error import AmqpError
from peers.eventhub.amqp.types import Described, Symbol
from peers.eventhub.log import PartitionLog
from peers.eventhub.messages import Message
from peers.eventhub.positions import first_message, selector


@pytest.fixture
def log() -> Iterator[PartitionLog]:
    log = PartitionLog(None)
    for time in (1000, 2000, 3000):
        log.append([Message(b"body")], time)
    yield log
    log.close()


def start(log: PartitionLog, field: str, comparison: str, value: object) -> int:
    return first_message(f"amqp.annotation.x-opt-{field} {comparison} '{value}'", log)


@pytest.mark.parametrize(
    ("field", "comparison", "value", "first"),
    [
        ("offset", ">", -1, 0),
        ("offset", ">", "@latest", 3),
        ("sequence-number", ">", -1, 0),
        ("sequence-number", ">", 0, 1),
        ("sequence-number", ">=", 0, 0),
        ("sequence-number", ">", 2, 3),
        ("sequence-number", ">=", 3, 3),
        ("enqueued-time", ">", 1000, 1),
        ("enqueued-time", ">=", 1000, 0),
        ("enqueued-time", ">", 1500, 1),
        ("enqueued-time", ">", 9000, 3),
    ],
)
def test_a_position_is_the_first_message_behind_it(
    log: PartitionLog, field: str, comparison: str, value: object, first: int
) -> None:
    assert start(log, field, comparison, value) == first


@pytest.mark.parametrize(("text", "first"), [("offset > -1", 0), ("offset > @latest", 3), ("sequence-number >= 1", 1)])
def test_a_position_may_be_written_without_quotes(log: PartitionLog, text: str, first: int) -> None:
    assert first_message(f"amqp.annotation.x-opt-{text}", log) == first


def test_an_offset_means_the_message_there_or_the_one_behind(log: PartitionLog) -> None:
    assert start(log, "offset", ">", log.last_offset) == 3
    assert start(log, "offset", ">=", log.last_offset) == 2


def test_without_a_selector_a_consumer_starts_at_the_first_message(log: PartitionLog) -> None:
    assert first_message(None, log) == 0


@pytest.mark.parametrize(("field", "value"), [("offset", 10**9), ("sequence-number", 3), ("sequence-number", 10**30)])
def test_a_position_beyond_the_end_is_refused_with_the_end(log: PartitionLog, field: str, value: int) -> None:
    with pytest.raises(AmqpError, match=f"'{value}' is invalid. The last .* is '"):
        start(log, field, ">", value)


@settings(max_examples=30)
@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    log = PartitionLog(None)
    for selector_text in (text, f"amqp.annotation.x-opt-offset > '{text}x'"):
        with pytest.raises(AmqpError):
            first_message(selector_text, log)
    log.close()


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        (None, None),
        ({}, None),
        ({Symbol("apache.org:selector-filter:string"): Described(Symbol("x"), "a")}, "a"),
        ({Symbol("apache.org:selector-filter:string"): Described(Symbol("x"), b"a")}, "a"),
        ({Symbol("apache.org:selector-filter:string"): "a"}, "a"),
        ({Symbol("other"): "a"}, None),
    ],
)
def test_the_selector_is_found_in_the_filter_set(filters: object, text: str | None) -> None:
    assert selector(filters) == text
