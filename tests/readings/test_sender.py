"""Sending: each device under its key, in rounds that make nothing late, again when the hub refuses."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.exceptions import AuthenticationError, EventDataSendError
from hypothesis import given
from hypothesis import strategies as st

from devhost.eventhub.broker import HubSpec
from devhost.eventhub.server import Options, background
from devhost.eventhub.tokens import SharedKey
from shared.errors import SettingsError, Transient
from shared.readings.event import parse_event
from shared.readings.samples import Sample, rounds
from shared.readings.sender import Pace, hub_partitions, open_hub, send_round
from shared.settings import Connection, Settings

samples = st.builds(
    Sample, st.integers(0, 10**12), st.sampled_from(["a", "b"]), st.sampled_from(["t", "u"]), st.floats(-1e9, 1e9)
)


@dataclass
class FakeBatch:
    key: str
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

    def create_batch(self, *, partition_key: str) -> FakeBatch:
        return FakeBatch(partition_key, self.room)

    def send_batch(self, event_data_batch: Any) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.sent.append(event_data_batch)


@given(st.lists(samples), st.integers(0, 10**12), st.integers(1, 20))
def test_rounds_keep_everything_in_order(given_samples: list[Sample], span: int, most: int) -> None:
    made = list(rounds(given_samples, span, most))
    assert [sample for some in made for sample in some] == given_samples
    for some in made:
        times = [sample.time for sample in some]
        assert len(some) <= most
        assert max(times) - min(times) <= span or len({sample.device for sample in some}) == 1


@given(samples)
def test_a_sent_sample_is_the_reading_that_arrives(sample: Sample) -> None:
    assert parse_event(sample.body()) == (sample.time, (sample.device, sample.sensor), sample.value)


def test_every_device_is_sent_under_its_own_key_in_order() -> None:
    hub = FakeHub(room=2)
    assert send_round(hub, [Sample(i, "ab"[i % 2], "t", float(i)) for i in range(7)]) == 7
    assert [(batch.key, len(batch.bodies)) for batch in hub.sent] == [("a", 2), ("a", 2), ("b", 2), ("b", 1)]
    values = [parse_event(body).value for batch in hub.sent for body in batch.bodies]
    assert values == [0, 2, 4, 6, 1, 3, 5]


def test_a_refused_batch_is_sent_again() -> None:
    hub, waits = FakeHub(refusals=[EventDataSendError("server busy")] * 3), list[float]()
    send_round(hub, [Sample(0, "a", "t", 1.0)], waits.append)
    assert len(hub.sent) == 1
    assert len(waits) == 3
    assert waits == sorted(waits)


def test_a_hub_that_stays_away_is_a_transient_error() -> None:
    with pytest.raises(Transient, match="server busy"):
        send_round(
            FakeHub(refusals=[EventDataSendError("server busy")] * 99), [Sample(0, "a", "t", 1.0)], lambda _: None
        )


def test_a_refused_key_is_not_tried_again() -> None:
    hub = FakeHub(refusals=[AuthenticationError("no")] * 9)
    with pytest.raises(SettingsError, match="refuses the key"):
        send_round(hub, [Sample(0, "a", "t", 1.0)])
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
    with pytest.raises(SettingsError, match="EventHubs is not set"), open_hub(Settings()):
        pass


@pytest.fixture
def peer() -> Iterator[Settings]:
    with background(Options((HubSpec("readings", 3),), SharedKey("policy", "c2VjcmV0IGtleQ=="))) as server:
        yield Settings(event_hubs=Connection("EventHubs", server.connection_string))


@pytest.mark.slow
def test_the_real_client_sends_and_counts_partitions(peer: Settings) -> None:
    assert hub_partitions(peer) == ["0", "1", "2"]
    with open_hub(peer) as hub:
        assert send_round(hub, [Sample(i, f"d{i % 3}", "t", 1.0) for i in range(30)]) == 30
        last = [hub.get_partition_properties(str(p))["last_enqueued_sequence_number"] for p in range(3)]
    assert sum(last) + 3 == 30


@pytest.mark.slow
def test_an_unknown_hub_is_a_transient_error_with_a_hint(peer: Settings) -> None:
    with pytest.raises(Transient, match="Check that the hub exists"):
        hub_partitions(replace(peer, event_hub_name="none"))
