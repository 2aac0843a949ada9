"""Containers and queues in memory: the tests' accounts, with the conditions of real ones."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock

from shared.errors import Conflict
from shared.settings import Connection
from shared.storage.accounts import Storage
from shared.storage.names import check_container, check_metadata, check_name, check_prefix
from shared.storage.ports import Blob, BlobInfo, Content


@dataclass(slots=True)
class MemoryBlobs:
    """A container in memory, with ETag conditions like the real one."""

    blobs: dict[str, tuple[bytes, BlobInfo]] = field(default_factory=dict)
    _etags: Iterator[int] = field(default_factory=itertools.count)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def get(self, name: str) -> Blob | None:
        held = self._held(name)
        return Blob(held[0], held[1].etag) if held else None

    def info(self, name: str) -> BlobInfo | None:
        held = self._held(name)
        return held[1] if held else None

    def read(self, name: str, offset: int, length: int, etag: str) -> bytes:
        blob = self.get(name)
        if blob is None or blob.etag != etag:
            raise Conflict(f"{name} was changed by somebody else.")
        return blob.data[offset : offset + length]

    def put(
        self,
        name: str,
        data: Content,
        *,
        etag: str | None = None,
        new: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        check_name(name)
        check_metadata(metadata or {})
        content = bytes(data if isinstance(data, bytes | bytearray | memoryview) else data.read())
        now = datetime.now(UTC).replace(microsecond=0)  # as precise as the service's
        info = BlobInfo(name, f'"{next(self._etags)}"', len(content), now, dict(metadata or {}))
        with self._lock:
            held = self.blobs.get(name)
            if (new and held) or (etag is not None and (held is None or held[1].etag != etag)):
                raise Conflict(f"{name} was changed by somebody else.")
            self.blobs[name] = content, info
        return info.etag

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        check_prefix(prefix)
        for name in sorted(self.blobs):
            if name.startswith(prefix):
                yield replace(self.blobs[name][1], metadata={})

    def any(self, prefix: str) -> bool:
        check_prefix(prefix)
        return any(name.startswith(prefix) for name in self.blobs)

    def delete(self, name: str) -> None:
        check_name(name)
        self.blobs.pop(name, None)

    def _held(self, name: str) -> tuple[bytes, BlobInfo] | None:
        check_name(name)
        return self.blobs.get(name)


@dataclass(slots=True)
class MemoryQueue:
    """A queue in memory: `messages` are (text, delay) in the order sent."""

    messages: list[tuple[str, float]] = field(default_factory=list)

    def send(self, text: str, delay_seconds: float = 0) -> None:
        self.messages.append((text, delay_seconds))


@dataclass(frozen=True, slots=True)
class MemoryStorage(Storage):
    """Both accounts in memory, for tests."""

    data_account: Connection = Connection("DataStorage")
    control_account: Connection = Connection("ControlStorage")
    containers: dict[tuple[str, str], MemoryBlobs] = field(default_factory=dict)
    queues: dict[str, MemoryQueue] = field(default_factory=dict)

    def data(self, container: str) -> MemoryBlobs:
        check_container(container)
        return self.containers.setdefault(("data", container), MemoryBlobs())

    def control(self, container: str) -> MemoryBlobs:
        check_container(container)
        return self.containers.setdefault(("control", container), MemoryBlobs())

    def queue(self, name: str) -> MemoryQueue:
        check_container(name)
        return self.queues.setdefault(name, MemoryQueue())
