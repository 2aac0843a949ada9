"""The triggers that bring readings in: batches of events, and the timer that closes windows of silent partitions."""

import typing
from datetime import UTC, datetime
from functools import cache, partial
from operator import attrgetter

import azure.functions as func

from functions.dependencies import settings, storage
from shared.readings.advance import Batch
from shared.readings.hub import last_sequences
from shared.readings.ingest import Ingestor
from shared.readings.timestamps import to_micros
from shared.telemetry import log

blueprint = func.Blueprint()


@cache
def ingestor() -> Ingestor:
    """What this process ingests with; it remembers the partitions' states."""
    return Ingestor.of(storage(), settings(), partial(last_sequences, settings()))


# The host checkpoints a batch that failed its last try. Nothing in the data makes this function fail, only storage
# that is away: so it is tried until storage is back. (The worker knows typing.List, not list.)
@blueprint.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%EVENT_HUB_NAME%",
    connection="EventHubs",
    consumer_group="%EVENT_HUB_CONSUMER_GROUP%",
    cardinality=func.Cardinality.MANY,
    data_type=func.DataType.BINARY,
)
@blueprint.retry(
    strategy="exponential_backoff", max_retry_count="-1", minimum_interval="00:00:01", maximum_interval="00:00:30"
)
def ingest_readings(events: typing.List[func.EventHubEvent]) -> None:  # noqa: UP006
    """Aggregate a batch of one partition's events; the same batch again changes nothing."""
    if not events:
        return
    partition = partition_of(events[0])
    done = ingestor().ingest(partition, read_batch(events))
    log("ingested", partition=partition, **done._asdict())


@blueprint.timer_trigger(schedule="%FLUSH_SCHEDULE%", arg_name="timer", run_on_startup=False)
def flush_readings(timer: func.TimerRequest) -> None:
    """Write what is still owed, and close the windows of partitions that have fallen silent."""
    files = ingestor().flush(datetime.now(UTC))
    log("flushed", files=files)


def read_batch(events: typing.Sequence[func.EventHubEvent]) -> Batch:
    """The worker's events as a batch."""
    return Batch.of(
        list(map(attrgetter("sequence_number"), events)),
        [to_micros(time) for time in map(attrgetter("enqueued_time"), events)],
        [event.get_body() for event in events],
    )


def partition_of(event: func.EventHubEvent) -> str:
    """The partition's id; every event of a batch carries the metadata of the whole."""
    return str((event.metadata or {})["PartitionContext"]["PartitionId"])
