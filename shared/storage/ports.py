"""What a container and a queue can do, whoever keeps them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob's content and the ETag it had when read."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """What is known of a blob; `modified` is aware, in UTC. A listing leaves out the metadata."""

    name: str
    etag: str
    size: int
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


type Content = bytes | BinaryIO


class BlobStore(Protocol):
    """One container. Every write is a single put: readers see the old blob or the new one, never a part.

    Every method raises InvalidInput for a name that `names.check_name` refuses, before anything is asked or written.
    """

    def get(self, name: str) -> Blob | None:
        """The blob, or None where there is none."""

    def info(self, name: str) -> BlobInfo | None:
        """What is known of the blob, or None where there is none."""

    def read(self, name: str, offset: int, length: int, etag: str) -> bytes:
        """A part of that version of the blob; raises Conflict where that version is gone."""

    def put(
        self,
        name: str,
        data: Content,
        *,
        etag: str | None = None,
        new: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Write whole; with `etag` only over that version, with `new` only where none is.

        A file is sent from where it stands, block by block. Returns the new ETag; raises Conflict where the condition
        does not hold.
        """

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """The blobs whose name begins with `prefix`, in name order."""

    def any(self, prefix: str) -> bool:
        """Whether there is a blob whose name begins with `prefix`; cheaper than a listing."""

    def delete(self, name: str) -> None:
        """Remove the blob; an absent one is fine."""


class Queue(Protocol):
    """One queue of text messages."""

    def send(self, text: str, delay_seconds: float = 0) -> None:
        """Add a message that becomes visible after the delay (at most seven days)."""
