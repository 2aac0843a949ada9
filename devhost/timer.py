"""The timer trigger: one run at a time, and after a pause of the host one run for all that were missed."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devhost.data import timer_call
from devhost.function import FunctionInfo
from devhost.pace import stopped_within
from devhost.runner import Run, run_with_retries
from devhost.schedule import Schedule, parse_schedule

log = logging.getLogger("devhost.timer")

# The real host remembers no schedule that comes more often than this: missing one run of those is no loss.
MONITORED = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a schedule stands: its last run, if any, and when this was written down."""

    last: datetime | None
    updated: datetime


class StatusFiles:
    """One small file per timer in a folder; written whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Status | None:
        """The status, or None where there is none or it cannot be read."""
        try:
            values = json.loads(self._path(name).read_text())
            last = values["last"] and datetime.fromisoformat(values["last"])
            return Status(last or None, datetime.fromisoformat(values["updated"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, name: str, status: Status) -> None:
        """Replace the status."""
        self._folder.mkdir(parents=True, exist_ok=True)
        values = {"last": status.last and status.last.isoformat(), "updated": status.updated.isoformat()}
        draft = self._path(name).with_suffix(".new")
        draft.write_text(json.dumps(values))
        draft.replace(self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


def utc_now() -> datetime:
    return datetime.now(UTC)


class TimerListener:
    """Listens for one timer function; the clock and the waiting come from outside."""

    def __init__(
        self,
        function: FunctionInfo,
        run: Run,
        statuses: StatusFiles,
        now: Callable[[], datetime] = utc_now,
        wait: Callable[[asyncio.Event, float], Awaitable[bool]] = stopped_within,
    ) -> None:
        self._function = function
        self._run = run
        self._statuses = statuses
        self._now = now
        self._wait = wait
        self._schedule: Schedule = parse_schedule(function.schedule)

    async def listen(self, stop: asyncio.Event) -> None:
        """Fire until `stop` is set."""
        status = self._statuses.read(self._function.name) if self._monitored() else None
        if self._function.run_on_startup or self._missed(status):
            status = await self._fire(stop, status, past_due=self._missed(status))
        elif status is None:
            status = Status(None, self._now())
            self._remember(status)
        while not await self._due(stop, self._schedule.after(self._now())):
            status = await self._fire(stop, status, past_due=False)

    def _monitored(self) -> bool:
        first = self._schedule.after(self._now())
        return self._schedule.after(first) - first >= MONITORED

    def _missed(self, status: Status | None) -> bool:
        return status is not None and self._schedule.after(status.last or status.updated) < self._now()

    async def _due(self, stop: asyncio.Event, due: datetime) -> bool:
        # In short steps, so that a machine that slept does not oversleep.
        while (left := (due - self._now()).total_seconds()) > 0:
            if await self._wait(stop, min(left, 30.0)):
                return True
        return stop.is_set()

    async def _fire(self, stop: asyncio.Event, status: Status | None, *, past_due: bool) -> Status | None:
        fired = self._now()
        call = timer_call(
            self._function.trigger.name,
            past_due=past_due,
            last=status.last if status else None,
            next_=self._schedule.after(fired),
        )
        if await run_with_retries(self._run, self._function, call, stop) is None:
            return status
        fresh = Status(fired, self._now())
        self._remember(fresh)
        return fresh

    def _remember(self, status: Status) -> None:
        if self._monitored():
            self._statuses.write(self._function.name, status)
