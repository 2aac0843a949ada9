"""Results are published whole, and an older upload's never replace a newer one's."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from scoring_images.style_transfer.publish import Publisher
from shared.errors import Overloaded
from shared.storage import BlobInfo, MemoryBlobs
from shared.style_transfer.workload import result_name

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def publisher(styled: MemoryBlobs, run: str = "r", modified: datetime = NOON, etag: str = "1") -> Publisher:
    return Publisher(styled, MemoryBlobs(), "a.mp4", etag, run, modified)


def content(styled: MemoryBlobs) -> bytes:
    blob = styled.get("a.mp4")
    assert blob
    return blob.data


def test_a_repetition_replaces_a_newer_upload_replaces_an_older_does_not() -> None:
    styled = MemoryBlobs()
    assert publisher(styled).put("a.mp4", b"first")
    assert publisher(styled).put("a.mp4", BytesIO(b"again"))
    assert publisher(styled, "s", NOON + timedelta(seconds=1), "2").put("a.mp4", b"newer")
    assert not publisher(styled).put("a.mp4", b"older")
    assert content(styled) == b"newer"


def test_of_two_uploads_of_one_second_the_one_that_is_there_now_is_newer() -> None:
    styled, videos = MemoryBlobs(), MemoryBlobs()
    old, new = (videos.put("a.mp4", data).strip('"') for data in (b"old", b"new"))
    first, second = (Publisher(styled, videos, "a.mp4", etag, f"run-{etag}", NOON) for etag in (old, new))
    assert second.put("a.mp4", b"newer")
    assert not first.put("a.mp4", b"older")
    assert second.put("a.mp4", b"newer again")
    assert content(styled) == b"newer again"


class Raced(MemoryBlobs):
    """A container in which another upload's result comes in between looking and writing."""

    races = 1

    def info(self, name: str) -> BlobInfo | None:
        held = super().info(name)
        if self.races:
            left, self.races = self.races - 1, 0
            super().put(name, b"other", metadata={"uploaded": "2026-01-31T13:00:00.000000Z"})
            self.races = left
        return held


def test_one_that_comes_in_between_counts() -> None:
    styled = Raced()
    assert not publisher(styled).put("a.mp4", b"older")
    assert content(styled) == b"other"


def test_a_name_that_is_always_being_written_is_said() -> None:
    styled = Raced()
    styled.races = 1000
    with pytest.raises(Overloaded, match="again and again"):
        publisher(styled, modified=NOON + timedelta(days=1)).put("a.mp4", BytesIO(b"newest"))


@pytest.mark.parametrize(
    ("video", "styled"),
    [("a.mp4", "a.mp4"), ("b/a.mov", "b/a.mov.mp4"), ("a", "a.mp4"), ("a b;$(x).webm", "a b;$(x).webm.mp4")],
)
def test_results_are_named_after_their_video(video: str, styled: str) -> None:
    assert result_name(video) == styled
    assert result_name("a.mp4", ".json") == "a.json"
