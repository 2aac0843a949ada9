"""The triggers, called as the worker calls them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.functions.eventhub import EventHubTriggerConverter

from devhost.data import Event, Partition, events_call
from functions import readings
from tests.readings.plain import START, Account, body


def delivered(bodies: list[bytes], first: int = 0, partition: str = "2") -> Any:
    """The events as the worker makes them of what the host sends."""
    events = [
        Event(data, first + i, str(100 * (first + i)), START + timedelta(milliseconds=first + i), "pump")
        for i, data in enumerate(bodies)
    ]
    call = events_call("events", events, Partition("ns", "readings", "$Default", partition), binary=True)
    return EventHubTriggerConverter.decode(call.inputs[0][1], trigger_metadata=call.metadata)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    account = Account()
    ingestor = account.ingestor()
    monkeypatch.setattr(readings, "ingestor", lambda: ingestor)
    return account


def test_events_become_windows_of_their_partition(account: Account) -> None:
    readings.ingest_readings(delivered([body(s) for s in range(0, 200, 5)]))
    assert {name.rpartition("/")[2].partition("-")[0] for name in account.windows.blobs} == {"p2"}


def test_the_same_call_twice_changes_nothing(account: Account) -> None:
    events = delivered([body(s) for s in range(0, 200, 5)] + [b"no"])
    readings.ingest_readings(events)
    blobs = account.states.blobs | account.windows.blobs | account.aside.blobs
    readings.ingest_readings(events)
    assert account.states.blobs | account.windows.blobs | account.aside.blobs == blobs


def test_an_empty_body_and_no_events_at_all_are_fine(account: Account) -> None:
    readings.ingest_readings([])
    readings.ingest_readings(delivered([b"", body(0)]))
    assert [record["reason"] for record in account.records("rejects")] == ["malformed-json"]


def test_the_timer_flushes_and_may_fire_twice(account: Account) -> None:
    readings.ingest_readings(delivered([body(0)]))
    timer: func.TimerRequest = None  # type: ignore[assignment] - unused
    for _ in range(2):
        readings.flush_readings(timer)
    assert not account.windows.blobs
