"""The part of host.json that shapes how triggers behave, with the real host's defaults.

Only partitions change hands sooner, so that a host that was killed is back at work within seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import SettingsError
from shared.schedule import parse_span
from shared.settings.file import read_json


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues`; spans in seconds."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    max_polling_interval: float = 60.0
    base64: bool = True


@dataclass(frozen=True, slots=True)
class EventHubOptions:
    """`extensions.eventHubs`; spans in seconds."""

    max_batch_size: int = 100
    prefetch: int = 300
    checkpoint_every: int = 1
    balance_interval: float = 3.0
    ownership_expires: float = 10.0
    from_end: bool = False


@dataclass(frozen=True, slots=True)
class HostOptions:
    """host.json; `function_timeout` in seconds, None for no limit."""

    route_prefix: str = "api"
    function_timeout: float | None = 1800.0
    queues: QueueOptions = QueueOptions()
    event_hubs: EventHubOptions = EventHubOptions()


def read_host_json(root: Path) -> HostOptions:
    """The options of the app in `root`; raises SettingsError naming what cannot be used."""
    path = root / "host.json"
    if not path.exists():
        raise SettingsError(f"There is no {path}.", "A function app has one beside function_app.py.")
    document = read_json(path, "a host.json")
    try:
        return _options(document)
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path} has a value that cannot be used: {error}.") from error


def _options(document: Mapping[str, Any]) -> HostOptions:
    extensions = document.get("extensions", {})
    timeout = document.get("functionTimeout", "00:30:00")
    return HostOptions(
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
        function_timeout=None if timeout == "-1" else _seconds(timeout),
        queues=_queues(extensions.get("queues", {})),
        event_hubs=_event_hubs(extensions.get("eventHubs", {})),
    )


def _queues(values: Mapping[str, Any]) -> QueueOptions:
    batch = _count(values, "batchSize", 16, 1, 32)
    encoding = str(values.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise ValueError(f"queues.messageEncoding is {encoding!r}; it must be base64 or none")
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=_count(values, "newBatchThreshold", batch // 2, 0, 1000),
        max_dequeue_count=_count(values, "maxDequeueCount", 5, 1, 1000),
        visibility_timeout=_seconds(values.get("visibilityTimeout", "00:00:00")),
        max_polling_interval=_seconds(values.get("maxPollingInterval", "00:01:00")),
        base64=encoding == "base64",
    )


def _event_hubs(values: Mapping[str, Any]) -> EventHubOptions:
    start = values.get("initialOffsetOptions", {}).get("type", "fromStart")
    if str(start).lower() not in ("fromstart", "fromend"):
        raise ValueError(f"eventHubs.initialOffsetOptions.type is {start!r}; fromStart and fromEnd are known")
    return EventHubOptions(
        max_batch_size=_count(values, "maxEventBatchSize", 100, 1, 100_000),
        prefetch=_count(values, "prefetchCount", 300, 1, 100_000),
        checkpoint_every=_count(values, "batchCheckpointFrequency", 1, 1, 1000),
        balance_interval=_seconds(values.get("loadBalancingUpdateInterval", "00:00:03")),
        ownership_expires=_seconds(values.get("partitionOwnershipExpirationInterval", "00:00:10")),
        from_end=str(start).lower() == "fromend",
    )


def _seconds(text: Any) -> float:
    return parse_span(str(text)).total_seconds()


def _count(values: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = values.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least} to {most}")
    return value
