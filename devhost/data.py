"""Trigger payloads in the worker's terms, spelled as the real host spells them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devhost.worker import Call


def text(value: str) -> Any:
    """A string."""
    return _datum(value, "string")


def as_json(value: Any) -> Any:
    """Anything that JSON can say."""
    return _datum(json.dumps(value), "json")


def iso(moment: datetime) -> str:
    """An instant as the host writes it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; `route` holds the values of the route's parameters."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    route: Mapping[str, str]
    body: bytes


def http_call(name: str, request: Request) -> Call:
    """The call of an HTTP function."""
    value = {
        "method": text(request.method),
        "url": text(request.url),
        "headers": _texts(request.headers),
        "params": _texts(request.route),
        "query": _texts(request.query),
        "body": _datum(request.body, "bytes"),
    }
    return Call([(name, _datum(value, "http"))], {})


def timer_call(
    name: str, *, past_due: bool = False, last: datetime | None = None, next_: datetime | None = None
) -> Call:
    """The call of a timer function; `last` and `next_` are where its schedule stands."""
    status = {key: iso(when) for key, when in (("Last", last), ("Next", next_), ("LastUpdated", last)) if when}
    return Call(
        [(name, as_json({"IsPastDue": past_due, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": status}))],
        {},
    )


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """A message as the trigger hands it on."""

    body: str
    id: str = ""
    dequeue_count: int = 1
    pop_receipt: str = ""
    inserted: datetime | None = None
    expires: datetime | None = None
    next_visible: datetime | None = None


def queue_call(name: str, message: QueueMessage) -> Call:
    """The call of a queue function."""
    times = {
        "InsertionTime": message.inserted,
        "ExpirationTime": message.expires,
        "NextVisibleTime": message.next_visible,
    }
    metadata = {
        "QueueTrigger": text(message.body),
        "Id": text(message.id),
        "DequeueCount": as_json(message.dequeue_count),
        "PopReceipt": text(message.pop_receipt),
        **{key: as_json(iso(when)) for key, when in times.items() if when},
    }
    return Call([(name, text(message.body))], metadata)


@dataclass(frozen=True, slots=True)
class Partition:
    """The partition that events come from."""

    namespace: str
    event_hub: str
    consumer_group: str
    id: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event with what Event Hubs says about it."""

    body: bytes
    sequence_number: int
    offset: str
    enqueued: datetime
    partition_key: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

    def system_properties(self) -> dict[str, Any]:
        """The properties that the service sets, by the host's names."""
        return {
            "SequenceNumber": self.sequence_number,
            "Offset": self.offset,
            "PartitionKey": self.partition_key,
            "EnqueuedTimeUtc": iso(self.enqueued),
        }


def events_call(name: str, events: Sequence[Event], partition: Partition, *, binary: bool) -> Call:
    """One call for a batch of events (cardinality many)."""
    metadata = {
        "PartitionContext": _partition(partition),
        "PartitionKeyArray": _strings([event.partition_key or "" for event in events]),
        "OffsetArray": _strings([event.offset for event in events]),
        "SequenceNumberArray": _datum(
            _Collection(sint64=[event.sequence_number for event in events]), "collection_sint64"
        ),
        "EnqueuedTimeUtcArray": as_json([iso(event.enqueued) for event in events]),
        "PropertiesArray": as_json([dict(event.properties) for event in events]),
        "SystemPropertiesArray": as_json([event.system_properties() for event in events]),
    }
    bodies = [event.body for event in events]
    if binary:
        return Call([(name, _datum(_Collection(bytes=bodies), "collection_bytes"))], metadata)
    return Call([(name, _strings([body.decode(errors="replace") for body in bodies]))], metadata)


def event_call(name: str, event: Event, partition: Partition, *, binary: bool) -> Call:
    """One call for one event (cardinality one)."""
    metadata = {
        "PartitionContext": _partition(partition),
        "PartitionKey": text(event.partition_key or ""),
        "Offset": text(event.offset),
        "SequenceNumber": as_json(event.sequence_number),
        "EnqueuedTimeUtc": as_json(iso(event.enqueued)),
        "Properties": as_json(dict(event.properties)),
        "SystemProperties": as_json(event.system_properties()),
    }
    body = _datum(event.body, "bytes") if binary else text(event.body.decode(errors="replace"))
    return Call([(name, body)], metadata)


@dataclass(frozen=True, slots=True)
class _Collection:
    bytes: Sequence[bytes] = ()
    string: Sequence[str] = ()
    sint64: Sequence[int] = ()


def _strings(values: Sequence[str]) -> Any:
    # The real host leaves empty strings out of a collection.
    return _datum(_Collection(string=[value for value in values if value]), "collection_string")


def _partition(partition: Partition) -> Any:
    return as_json(
        {
            "FullyQualifiedNamespace": partition.namespace,
            "EventHubName": partition.event_hub,
            "ConsumerGroup": partition.consumer_group,
            "PartitionId": partition.id,
        }
    )


def _texts(values: Mapping[str, str]) -> dict[str, Any]:
    return {key: text(value) for key, value in values.items()}


def _datum(value: Any, kind: str) -> Any:
    from azure_functions_runtime.bindings.datumdef import Datum

    return Datum(value, kind)
