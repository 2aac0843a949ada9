"""One partition on disk: an append-only file of stamped messages with an index in memory.

An append is one entry - head, then each message behind its length - so a batch is there whole or not at all. A torn
last entry, left by a process that was killed while writing, is cut off when the file is opened. Messages are stored
as consumers get them, so delivery needs neither decoding nor encoding; the index costs 28 bytes a message.
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

from peers.eventhub.messages import Message, stamp

# Bytes after the head, CRC-32 of everything after this field, time in ms since 1970, number of messages and a flag.
_HEAD = struct.Struct("<IIQI")
_CHECKED = struct.Struct("<QI")
# Before each message: its length and its offset.
_PLACE = struct.Struct("<IQ")
# Entries without this flag are of an earlier version: only the length is there, and an offset was a place in the file.
_HAS_OFFSETS = 1 << 31
_LENGTH = struct.Struct("<I")
# What Event Hubs adds to the bytes of an event, and the multiple it rounds that up to: a reading of recorded offsets.
_OVERHEAD, _STEP = 56, 8
_logger = logging.getLogger(__name__)


class PartitionLog:
    """The messages of one partition, numbered from 0, with offsets as Event Hubs spaces them."""

    def __init__(self, path: Path | None) -> None:
        """Opens or creates `path`; without one, the log lives in an unnamed temporary file."""
        self._descriptor = _open(path)
        self._end = 0
        self._next_offset = 0
        self._offsets = array("Q")
        self._places = array("Q")
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

    def offset(self, number: int) -> int:
        """The offset of a message. IndexError if there is none of this number."""
        return self._offsets[number]

    def append(self, messages: Sequence[Message], now: int) -> None:
        """Stores `messages` as one entry with time `now` (ms since 1970; never less than the one before).

        OSError if the disk refuses; the log is then as it was.
        """
        time = max(now, self.last_time)
        parts, index, place, offset = [], [], self._end + _HEAD.size, self._next_offset
        for sequence, message in enumerate(messages, len(self)):
            stamped = stamp(message, sequence, offset, time)
            parts += [_PLACE.pack(len(stamped), offset), stamped]
            index.append((place + _PLACE.size, len(stamped), offset))
            place += _PLACE.size + len(stamped)
            offset = _after(offset, message.size)
        content = b"".join(parts)
        count = len(messages) | _HAS_OFFSETS
        head = _HEAD.pack(len(content), zlib.crc32(content, zlib.crc32(_CHECKED.pack(time, count))), time, count)
        self._write(head + content)
        self._index(index, time, place, offset)

    def read(self, first: int, count: int, limit: int) -> list[bytes]:
        """Messages from number `first`: at most `count`, and about `limit` bytes (but at least one, if any)."""
        last = min(first + count, len(self))
        if first >= last:
            return []
        start = self._places[first]
        last = max(first + 1, bisect_left(self._places, start + limit, first, last))
        lengths = self._lengths[first:last]
        places = self._places[first:last]
        slab = os.pread(self._descriptor, places[-1] + lengths[-1] - start, start)
        return [slab[at - start : at - start + size] for at, size in zip(places, lengths, strict=True)]

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

    def _index(self, index: Sequence[tuple[int, int, int]], time: int, end: int, next_offset: int) -> None:
        """`index` has place, length and offset of each message of an entry."""
        places, lengths, offsets = zip(*index, strict=True)
        self._places.extend(places)
        self._lengths.extend(lengths)
        self._offsets.extend(offsets)
        self._times.extend([time] * len(index))
        self._end, self._next_offset = end, next_offset

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
        index = _layout(content, start, count)
        # How many bytes the last message had as it was sent is not known any more: its size here is more than that.
        self._index(index, time, start + length, _after(index[-1][2], index[-1][1]))
        return True


def _open(path: Path | None) -> int:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with tempfile.TemporaryFile(prefix="eventhub-") as file:
        return os.dup(file.fileno())


def _after(offset: int, size: int) -> int:
    """The offset behind that of a message of `size` bytes as sent."""
    return offset + -(-(size + _OVERHEAD) // _STEP) * _STEP


def _layout(content: bytes, start: int, count: int) -> list[tuple[int, int, int]]:
    """Place, length and offset of each message in an entry's content."""
    head = _PLACE if count & _HAS_OFFSETS else _LENGTH
    index, at = [], 0
    for _ in range(count & ~_HAS_OFFSETS):
        length, *offset = head.unpack_from(content, at)
        at += head.size
        index.append((start + at, length, offset[0] if offset else start + at))
        at += length
    return index
