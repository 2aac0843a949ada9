"""A blob read as a file: only what is asked for is fetched, and all of it from one version."""

import io
from dataclasses import dataclass

from shared.storage.ports import BlobInfo, BlobStore

BLOCK = 4 * 1024 * 1024


@dataclass(slots=True)
class _Ranges(io.RawIOBase):
    """The blob's bytes by ranges."""

    store: BlobStore
    blob: BlobInfo
    place: int = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.blob.size}[whence]
        self.place = max(0, start + offset)
        return self.place

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        wanted = min(len(buffer), self.blob.size - self.place)
        if wanted <= 0:
            return 0
        part = self.store.read(self.blob.name, self.place, wanted, self.blob.etag)
        buffer[: len(part)] = part
        self.place += len(part)
        return len(part)


class BlobFile(io.BufferedReader):
    """A version of a blob as a seekable file, fetched 4 MiB at a time.

    Reading raises Conflict where that version is gone.
    """

    def __init__(self, store: BlobStore, blob: BlobInfo) -> None:
        super().__init__(_Ranges(store, blob), BLOCK)
