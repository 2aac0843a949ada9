"""What functions of the test app saw, and how often they are to fail; it outlives the app's own reloading."""

import asyncio
import os
import queue
from typing import Any

SEEN: "queue.SimpleQueue[tuple[str, Any]]" = queue.SimpleQueue()
FAILURES: dict[str, int] = {}


def saw(name: str, what: Any) -> None:
    """A function was called; raises where it was told to fail."""
    SEEN.put((name, what))
    if file := os.environ.get("WITNESS"):
        with open(file, "a") as lines:  # noqa: PTH123 - one write of one line, as a log has it
            lines.write(f"{name} {what}\n")
    if FAILURES.get(name, 0) > 0:
        FAILURES[name] -= 1
        raise RuntimeError(f"{name} was told to fail")


def fail(name: str, times: int) -> None:
    """Let a function fail that many times."""
    FAILURES[name] = times


async def next_seen() -> tuple[str, Any]:
    """Which function was called next, and what it saw."""
    return await asyncio.to_thread(SEEN.get, timeout=20)


async def seen(name: str) -> Any:
    """What that function saw next; what others saw before is skipped."""
    return await asyncio.to_thread(_next, name)


def _next(name: str) -> Any:
    while True:
        who, what = SEEN.get(timeout=20)
        if who == name:
            return what
