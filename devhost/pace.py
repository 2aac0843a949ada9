"""Waiting that a stop cuts short, and listeners that outlive their own errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from shared.errors import SettingsError

log = logging.getLogger("devhost")

Listen = Callable[[asyncio.Event], Awaitable[None]]


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait that long, or until `stop` is set; True where it is."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await stop.wait()
    except TimeoutError:
        return stop.is_set()
    return True


def growing(least: float, most: float) -> Iterator[float]:
    """Pauses that double from `least` to `most` seconds, without end."""
    pause = least
    while True:
        yield min(pause, most)
        pause = min(pause * 2, most)


async def keep_listening(name: str, listen: Listen, stop: asyncio.Event, least: float = 0.5) -> None:
    """Run a listener until `stop`; when it fails, say so and start it again after a growing pause.

    Raises SettingsError, which no repetition mends.
    """
    loop = asyncio.get_running_loop()
    pauses = growing(least, 15.0)
    while not stop.is_set():
        started = loop.time()
        try:
            await listen(stop)
            return
        except SettingsError:
            raise
        except Exception as error:  # whatever a listener dies of, the others and the host live on
            if loop.time() - started > 60:
                pauses = growing(least, 15.0)
            pause = next(pauses)
            log.warning("%s stopped (%s); it starts again in %.1f s", name, describe(error), pause)
            log.debug("%s stopped", name, exc_info=error)
        if await stopped_within(stop, pause):
            return


def describe(error: BaseException) -> str:
    """An error in one line: its kind and the first line of its text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
