"""How far the readings have come: what the scoring timer goes by."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.readings.state import decode
from shared.readings.timestamps import from_micros
from shared.storage import BlobStore


@dataclass(frozen=True, slots=True)
class Progress:
    """Event time (UTC) before which all windows are in their files; when the hub took in the last event; and whether
    any window is still open or unwritten.
    """

    sealed_until: datetime
    last_arrival: datetime
    unfinished: bool


def progress(states: BlobStore, hub: str) -> Progress | None:
    """Over all partitions of a hub that had an event; None before the first. `states` is the container `ingest`."""
    known = [decode(blob.data) for info in states.list(f"{hub}/") if (blob := states.get(info.name))]
    marks = [mark for state in known if (mark := state.sealed_until) is not None]
    if not marks:
        return None
    unfinished = any(len(state.rows) > 0 for state in known)
    return Progress(from_micros(min(marks)), from_micros(max(state.last_enqueued for state in known)), unfinished)


def next_hour(windows: BlobStore, since: datetime, until: datetime) -> datetime | None:
    """The first hour with windows from the one of `since` on, if it begins before `until`.

    Years, months and days without any are passed over in one look each.
    """
    hour = since.replace(minute=0, second=0, microsecond=0)
    while hour < until:
        if windows.any(f"date={hour:%Y-%m-%d}/hour={hour:%H}/"):
            return hour
        hour = next(after for prefix, after in _periods(hour) if not windows.any(prefix))
    return None


def _periods(hour: datetime) -> Iterator[tuple[str, datetime]]:
    """The periods around an empty hour, longest first: the prefix of its blobs, and when the next one begins."""
    day = hour.replace(hour=0)
    month = day.replace(day=1)
    yield f"date={hour:%Y-}", month.replace(year=hour.year + 1, month=1)
    yield f"date={hour:%Y-%m-}", (month + timedelta(days=31)).replace(day=1)
    yield f"date={hour:%Y-%m-%d}/", day + timedelta(days=1)
    yield f"date={hour:%Y-%m-%d}/hour={hour:%H}/", hour + timedelta(hours=1)
