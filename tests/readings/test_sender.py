"""Sending: each device to its partition, in order, again when the hub refuses."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.exceptions import AuthenticationError, EventDataSendError
from hypothesis import given
from hypothesis import strategies as st

from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, background
from peers.eventhub.tokens import SharedKey
from shared.errors import SettingsError, Transient
from shared.readings.event import parse_event
from shared.readings.hub import last_sequences, open_producer
from shared.readings.partition_key import partition_of
from shared.readings.samples import Sample
from shared.readings.sender import Pace, send_round
from shared.settings import Connection, Settings

samples = st.builds(
    Sample, st.integers(0, 10**12), st.sampled_from(["a", "b"]), st.sampled_from(["t", "u"]), st.floats(-1e9, 1e9)
)


@dataclass
class FakeBatch:
    partition: str
    room: int
    bodies: list[bytes] = field(default_factory=list)

    def add(self, event: EventData) -> None:
        if len(self.bodies) == self.room:
            raise ValueError("EventDataBatch has reached its size limit")
        self.bodies.append(b"".join(event.body))


@dataclass
class FakeHub:
    room: int = 1000
    refusals: list[Exception] = field(default_factory=list)
    sent: list[FakeBatch] = field(default_factory=list)

    def create_batch(self, *, partition_id: str) -> FakeBatch:
        return FakeBatch(partition_id, self.room)

    def send_batch(self, event_data_batch: Any) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.sent.append(event_data_batch)


@given(samples)
def test_a_sent_sample_is_the_reading_that_arrives(sample: Sample) -> None:
    assert parse_event(sample.body()) == (sample.time, (sample.device, sample.sensor), sample.value)


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 8), st.integers(1, 5))
def test_every_device_goes_to_its_partition_and_partitions_keep_the_order(
    devices: list[str], partitions: int, room: int
) -> None:
    hub = FakeHub(room=room)
    given_samples = [Sample(time, device, "t", float(time)) for time, device in enumerate(devices)]
    assert send_round(hub, partitions, given_samples) == len(devices)
    for partition in range(partitions):
        own = [float(time) for time, device in enumerate(devices) if partition_of(device, partitions) == partition]
        batches = (batch for batch in hub.sent if batch.partition == str(partition))
        assert [parse_event(body).value for batch in batches for body in batch.bodies] == own


def test_a_refused_batch_is_sent_again() -> None:
    hub, waits = FakeHub(refusals=[EventDataSendError("server busy")] * 3), list[float]()
    send_round(hub, 1, [Sample(0, "a", "t", 1.0)], waits.append)
    assert len(hub.sent) == 1
    assert len(waits) == 3
    assert waits == sorted(waits)


def test_a_hub_that_stays_away_is_a_transient_error() -> None:
    with pytest.raises(Transient, match="server busy"):
        send_round(
            FakeHub(refusals=[EventDataSendError("server busy")] * 99), 1, [Sample(0, "a", "t", 1.0)], lambda _: None
        )


def test_a_refused_key_is_not_tried_again() -> None:
    hub = FakeHub(refusals=[AuthenticationError("no")] * 9)
    with pytest.raises(SettingsError, match="refuses the key"):
        send_round(hub, 1, [Sample(0, "a", "t", 1.0)])
    assert len(hub.refusals) == 8


def test_a_pace_is_kept_on_average() -> None:
    now, waits = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(10.0, lambda: now[0], sleep)
    for _ in range(4):
        pace.wait(5)
    assert waits == pytest.approx([0.5, 0.5, 0.5])


def test_a_missing_connection_names_the_setting() -> None:
    with pytest.raises(SettingsError, match="EventHubs is not set"), open_producer(Settings()):
        pass


@pytest.fixture
def peer() -> Iterator[Settings]:
    with background(Options((HubSpec("readings", 3),), SharedKey("policy", "c2VjcmV0IGtleQ=="))) as server:
        yield Settings(event_hubs=Connection("EventHubs", server.connection_string))


@pytest.mark.slow
def test_the_real_client_sends_and_says_what_the_hub_holds(peer: Settings) -> None:
    assert last_sequences(peer) == {"0": -1, "1": -1, "2": -1}
    with open_producer(peer) as hub:
        assert send_round(hub, 3, [Sample(i, f"d{i % 3}", "t", 1.0) for i in range(30)]) == 30
    assert sum(last_sequences(peer).values()) + 3 == 30


def test_a_hub_that_is_not_there_is_told_as_such_and_a_wrong_key_as_a_wrong_key(peer: Settings) -> None:
    missing = replace(peer, event_hub_name="none")
    wrong = replace(peer, event_hubs=Connection("EventHubs", (peer.event_hubs.string or "").replace("c2", "d3")))
    for settings, says in [(missing, "There is no such event hub"), (wrong, "refuses the key"), (missing, "no such")]:
        with pytest.raises(SettingsError, match=says):
            last_sequences(settings)
    with pytest.raises(SettingsError, match="There is no such event hub"), open_producer(missing, retries=0) as hub:
        send_round(hub, 3, [Sample(0, "a", "t", 1.0)])


def test_what_the_sdk_logs_is_shown_as_before(peer: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SettingsError):
        last_sequences(replace(peer, event_hub_name="none"))
    assert "CBS" not in caplog.text
    with caplog.at_level(logging.INFO, "azure"), pytest.raises(SettingsError):
        last_sequences(replace(peer, event_hub_name="none"))
    assert "CBS Put token error" in caplog.text
