"""One partition on disk: an append-only file of stamped messages with an index in memory.

An append is one entry - head, then each message behind its length - so a batch is there whole or not at all. A torn
last entry, left by a process that was killed while writing, is cut off when the file is opened. Messages are stored
as consumers get them, so delivery needs neither decoding nor encoding; the index costs 20 bytes a message.
"""

import logging
import os
import struct
import tempfile
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from devhost.eventhub.messages import Message, stamp

# Bytes after the head, CRC-32 of everything after this field, time in ms since 1970, number of messages.
_HEAD = struct.Struct("<IIQI")
_CHECKED = struct.Struct("<QI")
_LENGTH = struct.Struct("<I")
_logger = logging.getLogger(__name__)


class PartitionLog:
    """The messages of one partition, numbered from 0. A message's offset is where it starts in the file."""

    def __init__(self, path: Path | None) -> None:
        """Opens or creates `path`; without one, the log lives in an unnamed temporary file."""
        self._descriptor = _open(path)
        self._end = 0
        self._offsets = array("Q")
        self._lengths = array("I")
        self._times = array("Q")
        self._replay(path)

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def last_offset(self) -> int:
        """The last message's offset; -1 while there is none."""
        return self._offsets[-1] if self._offsets else -1

    @property
    def last_time(self) -> int:
        """When the last message was stored, in ms since 1970; 0 while there is none."""
        return self._times[-1] if self._times else 0

    def append(self, messages: Sequence[Message], now: int) -> None:
        """Stores `messages` as one entry with time `now` (ms since 1970; never less than the one before).

        OSError if the disk refuses; the log is then as it was.
        """
        time = max(now, self.last_time)
        parts, offsets, position = [], [], self._end + _HEAD.size
        for sequence, message in enumerate(messages, len(self)):
            stamped = stamp(message, sequence, position + _LENGTH.size, time)
            parts += [_LENGTH.pack(len(stamped)), stamped]
            offsets.append(position + _LENGTH.size)
            position += _LENGTH.size + len(stamped)
        content = b"".join(parts)
        checked = _CHECKED.pack(time, len(messages))
        head = _HEAD.pack(len(content), zlib.crc32(content, zlib.crc32(checked)), time, len(messages))
        self._write(head + content)
        self._index(offsets, [len(part) for part in parts[1::2]], time, position)

    def read(self, first: int, count: int, limit: int) -> list[bytes]:
        """Messages from number `first`: at most `count`, and about `limit` bytes (but at least one, if any)."""
        last = min(first + count, len(self))
        if first >= last:
            return []
        start = self._offsets[first]
        last = max(first + 1, bisect_left(self._offsets, start + limit, first, last))
        lengths = self._lengths[first:last]
        offsets = self._offsets[first:last]
        slab = os.pread(self._descriptor, offsets[-1] + lengths[-1] - start, start)
        return [slab[at - start : at - start + size] for at, size in zip(offsets, lengths, strict=True)]

    def first_from_offset(self, offset: int) -> int:
        """The number of the first message at or behind `offset`."""
        return bisect_left(self._offsets, max(offset, 0))

    def first_from_time(self, time: int) -> int:
        """The number of the first message stored at or after `time` (ms since 1970)."""
        return bisect_left(self._times, max(time, 0))

    def close(self) -> None:
        """Flushes to disk and closes."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def _write(self, entry: bytes) -> None:
        # At a fixed position: whatever a failed write left behind is overwritten by the next one.
        done = 0
        while done < len(entry):
            done += os.pwrite(self._descriptor, entry[done:], self._end + done)

    def _index(self, offsets: Sequence[int], lengths: Sequence[int], time: int, end: int) -> None:
        self._offsets.extend(offsets)
        self._lengths.extend(lengths)
        self._times.extend([time] * len(offsets))
        self._end = end

    def _replay(self, path: Path | None) -> None:
        size = os.fstat(self._descriptor).st_size
        while self._read_entry(size):
            pass
        if self._end < size:
            _logger.warning("%s: cut off %d bytes of an append that was never finished.", path, size - self._end)
            os.ftruncate(self._descriptor, self._end)

    def _read_entry(self, size: int) -> bool:
        head = os.pread(self._descriptor, _HEAD.size, self._end)
        if len(head) < _HEAD.size:
            return False
        length, checksum, time, count = _HEAD.unpack(head)
        start = self._end + _HEAD.size
        if start + length > size:
            return False
        content = os.pread(self._descriptor, length, start)
        if zlib.crc32(content, zlib.crc32(_CHECKED.pack(time, count))) != checksum:
            return False
        self._index(*_layout(content, start, count), time, start + length)
        return True


def _open(path: Path | None) -> int:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with tempfile.TemporaryFile(prefix="eventhub-") as file:
        return os.dup(file.fileno())


def _layout(content: bytes, start: int, count: int) -> tuple[list[int], list[int]]:
    """Offset and length of each message in an entry's content."""
    offsets, lengths, pos = [], [], 0
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(content, pos)
        offsets.append(start + pos + _LENGTH.size)
        lengths.append(length)
        pos += _LENGTH.size + length
    return offsets, lengths
