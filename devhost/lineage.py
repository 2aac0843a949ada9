"""What Linux offers so that no process outlives its use: death with the parent, and adoption of orphans."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _load() -> Callable[[int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl: Callable[[int, int], int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl


# Loaded here, before any fork: between fork and exec only the call itself may happen.
_prctl = _load()


def dies_with_parent() -> Callable[[], None]:
    """What a child runs before it becomes its program, so that it is stopped when this process dies."""
    parent = os.getpid()

    def arrange() -> None:
        if _prctl is None:
            return
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return arrange


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Meanwhile, be the parent of descendants whose own parent dies, such as tasks whose host was killed."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        if _prctl is not None:
            _prctl(_PR_SET_CHILD_SUBREAPER, 0)


def children() -> set[int]:
    """Processes whose parent is this one; empty where the system does not tell."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything; the fields after the last bracket are state and parent.
            parent = entry.read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue
        if int(parent) == os.getpid():
            found.add(int(entry.parent.name))
    return found


def bury(known: Collection[int]) -> None:
    """Take note of the end of adopted processes; `known` are children that somebody else waits for."""
    for pid in children().difference(known):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
