"""The partition's file: nothing acknowledged is lost, nothing half written is kept."""

import errno
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.eventhub.log import PartitionLog
from peers.eventhub.messages import Message, stamp

BIG = 1 << 30


def messages(*bodies: bytes) -> list[Message]:
    return [Message(body) for body in bodies]


def tails(log: PartitionLog, length: int) -> list[bytes]:
    return [stored[-length:] for stored in log.read(0, len(log), BIG)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "000.log"


def test_a_reopened_log_is_the_same(path: Path) -> None:
    log = PartitionLog(path)
    log.append(messages(b"aaa", b"bbb"), 1000)
    log.append(messages(b"ccc"), 2000)
    before = (log.read(0, 9, BIG), log.last_offset, log.last_time, len(log))
    log.close()
    again = PartitionLog(path)
    assert (again.read(0, 9, BIG), again.last_offset, again.last_time, len(again)) == before
    again.close()


@settings(max_examples=40)
@given(st.lists(st.lists(st.binary(max_size=20), min_size=1, max_size=5), max_size=6), st.data())
def test_any_stretch_can_be_read(batches: list[list[bytes]], data: st.DataObject) -> None:
    log = PartitionLog(None)
    for batch in batches:
        log.append(messages(*batch), 1)
    everything = [body for batch in batches for body in batch]
    first = data.draw(st.integers(0, len(everything)))
    count = data.draw(st.integers(0, len(everything) + 2))
    stored = log.read(first, count, BIG)
    expected = everything[first : first + count]
    assert len(stored) == len(expected)
    assert all(found.endswith(body) for found, body in zip(stored, expected, strict=True))
    assert log.read(first, count, 1) == stored[:1]
    log.close()


@settings(max_examples=40)
@given(cut=st.integers(1, 200))
def test_a_torn_last_append_disappears_whole(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("torn") / "000.log"
    log = PartitionLog(path)
    log.append(messages(b"whole"), 1)
    whole = path.stat().st_size
    log.append(messages(b"torn-1", b"torn-2"), 2)
    log.close()
    os.truncate(path, max(path.stat().st_size - cut, whole))
    again = PartitionLog(path)
    assert len(again) == 1
    assert path.stat().st_size == whole
    again.append(messages(b"after"), 3)
    assert tails(again, 5) == [b"whole", b"after"]
    again.close()


def test_garbage_behind_the_last_append_is_cut_off_and_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = PartitionLog(path)
    log.append(messages(b"whole"), 1)
    log.close()
    with path.open("ab") as file:
        file.write(bytes(100))
    again = PartitionLog(path)
    assert len(again) == 1
    assert "cut off 100 bytes" in caplog.text
    again.close()


def test_an_append_the_disk_refuses_leaves_the_log_as_it_was(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    log = PartitionLog(path)
    log.append(messages(b"first"), 1)
    real = os.pwrite

    def full(descriptor: int, data: bytes, at: int) -> int:
        if at > 300:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:10], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        log.append(messages(b"x" * 500), 2)
    monkeypatch.undo()
    log.append(messages(b"third"), 3)
    assert tails(log, 5) == [b"first", b"third"]
    log.close()
    assert len(PartitionLog(path)) == 2


def test_time_in_a_log_never_runs_backwards() -> None:
    log = PartitionLog(None)
    log.append(messages(b"a"), 2000)
    log.append(messages(b"b"), 1000)
    assert log.last_time == 2000
    assert [log.first_from_time(time) for time in (0, 2000, 2001)] == [0, 0, 2]
    log.close()


def test_offsets_begin_at_0_and_grow_with_what_was_sent(path: Path) -> None:
    log = PartitionLog(path)
    log.append([Message(b"a", size=19), Message(b"b", size=19)], 5)
    assert log.last_offset == 80
    assert tails(log, 20)[1] == stamp(Message(b"b"), 1, 80, 5)[-20:]
    log.close()


def test_events_of_an_earlier_version_keep_their_offsets_and_later_ones_lie_behind_them(path: Path) -> None:
    stored = stamp(Message(b"old"), 0, 24, 5)
    content = len(stored).to_bytes(4, "little") + stored
    checked = (5).to_bytes(8, "little") + (1).to_bytes(4, "little")
    head = len(content).to_bytes(4, "little") + zlib.crc32(checked + content).to_bytes(4, "little") + checked
    path.parent.mkdir()
    path.write_bytes(head + content)
    log = PartitionLog(path)
    assert (len(log), log.last_offset, tails(log, 3)) == (1, 24, [b"old"])
    log.append(messages(b"new"), 6)
    assert log.last_offset > 24
    log.close()
    again = PartitionLog(path)
    assert tails(again, 3) == [b"old", b"new"]
    again.close()
