"""Timers on a clock that a test moves: waiting takes no time."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devhost.function import Binding, FunctionInfo, Retry
from devhost.timer import Status, StatusFiles, TimerListener
from devhost.worker import Call, Outcome

pytestmark = pytest.mark.anyio

NOON = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)


@dataclass
class Play:
    """A clock, a run that takes time, and the end after so many runs."""

    now: datetime = NOON
    runs: int = 3
    takes: timedelta = timedelta(seconds=1)
    ok: bool = True
    fired: list[tuple[datetime, bool]] = field(default_factory=list)

    async def run(self, function: FunctionInfo, call: Call) -> Outcome:
        past_due = '"IsPastDue": true' in call.inputs[0][1].value
        self.fired.append((self.now, past_due))
        self.now += self.takes
        return Outcome("id", self.ok, 1.0)

    async def wait(self, stop: asyncio.Event, seconds: float) -> bool:
        if len(self.fired) >= self.runs:
            return True
        self.now += timedelta(seconds=seconds)
        return False


def timer(schedule: str, *, run_on_startup: bool = False, retry: Retry | None = None) -> FunctionInfo:
    values = {"schedule": schedule, "runOnStartup": run_on_startup}
    return FunctionInfo("tick", "id", Binding("timer", "timerTrigger", "in", values), (), retry)


async def listen(play: Play, folder: Path, function: FunctionInfo) -> list[tuple[datetime, bool]]:
    listener = TimerListener(function, play.run, StatusFiles(folder), lambda: play.now, play.wait)
    await listener.listen(asyncio.Event())
    return play.fired


def at(minute: int, second: int = 0) -> datetime:
    return NOON + timedelta(minutes=minute, seconds=second)


async def test_a_timer_fires_when_its_schedule_says(tmp_path: Path) -> None:
    fired = await listen(Play(), tmp_path, timer("0 */5 * * * *"))
    assert fired == [(at(5), False), (at(10), False), (at(15), False)]


async def test_ticks_during_a_run_are_left_out_for_runs_never_overlap(tmp_path: Path) -> None:
    fired = await listen(Play(takes=timedelta(minutes=12)), tmp_path, timer("0 */5 * * * *"))
    assert [moment for moment, _ in fired] == [at(5), at(20), at(35)]


async def test_after_a_pause_one_past_due_run_stands_for_all_missed(tmp_path: Path) -> None:
    await listen(Play(runs=1), tmp_path, timer("0 */5 * * * *"))
    later = Play(now=NOON + timedelta(hours=3, minutes=2), runs=2)
    fired = await listen(later, tmp_path, timer("0 */5 * * * *"))
    assert fired == [(at(182), True), (at(185), False)]


async def test_a_first_start_is_not_past_due_but_a_missed_first_run_is(tmp_path: Path) -> None:
    assert await listen(Play(runs=0), tmp_path, timer("0 0 * * * *")) == []
    fired = await listen(Play(now=at(61), runs=1), tmp_path, timer("0 0 * * * *"))
    assert fired == [(at(61), True)]


async def test_a_restart_in_time_misses_nothing(tmp_path: Path) -> None:
    await listen(Play(runs=1), tmp_path, timer("0 */5 * * * *"))
    fired = await listen(Play(now=at(8), runs=1), tmp_path, timer("0 */5 * * * *"))
    assert fired == [(at(10), False)]


async def test_schedules_of_seconds_remember_nothing(tmp_path: Path) -> None:
    await listen(Play(runs=1), tmp_path, timer("*/10 * * * * *"))
    assert StatusFiles(tmp_path).read("tick") is None
    fired = await listen(Play(now=at(60, 1), runs=1), tmp_path, timer("*/10 * * * * *"))
    assert fired == [(at(60, 10), False)]


async def test_a_run_on_startup_comes_at_once(tmp_path: Path) -> None:
    fired = await listen(Play(runs=2), tmp_path, timer("0 */5 * * * *", run_on_startup=True))
    assert fired == [(NOON, False), (at(5), False)]


async def test_an_interval_counts_from_the_end_of_the_last_run(tmp_path: Path) -> None:
    fired = await listen(Play(takes=timedelta(seconds=20)), tmp_path, timer("00:02:00"))
    assert [moment for moment, _ in fired] == [at(2), at(4, 20), at(6, 40)]


async def test_a_failing_timer_is_retried_by_its_policy(tmp_path: Path) -> None:
    retry = Retry(2, False, timedelta(0), timedelta(0))
    fired = await listen(Play(runs=3, ok=False), tmp_path, timer("0 */5 * * * *", retry=retry))
    assert len(fired) == 3
    assert [moment for moment, _ in fired] == [at(5), at(5, 1), at(5, 2)]


def test_a_status_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    files = StatusFiles(tmp_path)
    assert files.read("tick") is None
    files.write("tick", Status(None, NOON))
    assert files.read("tick") == Status(None, NOON)
    (tmp_path / "tick.json").write_text("{")
    assert files.read("tick") is None
