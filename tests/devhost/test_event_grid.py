"""Event Grid's part, on listings and queues in memory."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devhost.event_grid import EventGrid, NewBlob, Seen, blob_created

pytestmark = pytest.mark.anyio

BLOB = NewBlob("videos", "a.mp4", '"0x1"', 3, "video/mp4", "http://x/videos/a.mp4", datetime(2025, 1, 2, tzinfo=UTC))


@dataclass
class Listing:
    there: list[NewBlob] = field(default_factory=list)

    async def blobs(self, container: str) -> AsyncIterator[NewBlob]:
        for blob in self.there:
            yield blob


@dataclass
class Sent:
    events: list[Any] = field(default_factory=list)
    fails: bool = False

    async def send(self, connection: str, queue: str, texts: list[str]) -> None:
        if self.fails:
            raise OSError("no queue")
        self.events += [json.loads(base64.b64decode(text)) for text in texts]

    def names(self) -> list[str]:
        return [event["subject"].rpartition("/")[2] for event in self.events]


def grid(folder: Path, listing: Listing, sent: Sent) -> EventGrid:
    return EventGrid("data", ("videos",), "ControlStorage", "uploads", listing, Seen(folder), sent)


async def test_each_version_of_a_blob_is_told_once(tmp_path: Path) -> None:
    listing, sent = Listing([BLOB]), Sent()
    for there in ([BLOB], [BLOB], [replace(BLOB, etag='"0x2"')], [], [BLOB]):
        listing.there = there
        await grid(tmp_path, listing, sent).look("videos")
    assert sent.names() == ["a.mp4"] * 3
    assert sent.events[0]["id"] == sent.events[2]["id"] != sent.events[1]["id"]


async def test_a_name_forges_no_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        await grid(tmp_path, Listing([replace(BLOB, name="a\n12:00 INFO all is well\x1b[2J.mp4")]), Sent()).look(
            "videos"
        )
    assert caplog.messages == [r"new blob videos/a\n12:00 INFO all is well\x1b[2J.mp4 told to queue uploads"]


async def test_an_event_that_could_not_be_sent_is_sent_at_the_next_look(tmp_path: Path) -> None:
    listing, sent = Listing([BLOB, replace(BLOB, name="b.mp4")]), Sent(fails=True)
    with pytest.raises(OSError, match="no queue"):
        await grid(tmp_path, listing, sent).look("videos")
    sent.fails = False
    await grid(tmp_path, listing, sent).look("videos")
    assert sent.names() == ["a.mp4", "b.mp4"]


async def test_it_looks_until_it_is_stopped(tmp_path: Path) -> None:
    stop, sent = asyncio.Event(), Sent()
    stop.set()
    await grid(tmp_path, Listing([BLOB]), sent).listen(stop)
    assert sent.names() == []


def test_an_event_has_the_fields_of_the_event_grid_schema() -> None:
    event = blob_created("data", BLOB)
    assert set(event) == {
        "topic",
        "subject",
        "eventType",
        "id",
        "eventTime",
        "data",
        "dataVersion",
        "metadataVersion",
    }
    assert event["eventTime"] == "2025-01-02T00:00:00Z"
    assert (event["data"]["eTag"], event["data"]["url"]) == ("0x1", BLOB.url)
