import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.schedule import parse_schedule
from shared.errors import SettingsError

OBSERVED = Path(__file__).parents[3] / "shared" / "data" / "functions-host" / "ncrontab.jsonl"
NOON = datetime(2025, 6, 2, 12, 0, 0, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 5 * * * *", datetime(2025, 6, 2, 12, 5, tzinfo=UTC)),
        ("30 * * * * *", datetime(2025, 6, 2, 12, 0, 30, tzinfo=UTC)),
        ("*/10 * * * * *", datetime(2025, 6, 2, 12, 0, 10, tzinfo=UTC)),
        ("0 30 9 * * Mon-Fri", datetime(2025, 6, 3, 9, 30, tzinfo=UTC)),
        ("0 0 0 * * 0", datetime(2025, 6, 8, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2025, 6, 2, 12, 5, tzinfo=UTC)),
        ("00:00:30", datetime(2025, 6, 2, 12, 0, 30, tzinfo=UTC)),
        ("1.00:00:00", datetime(2025, 6, 3, 12, tzinfo=UTC)),
    ],
)
def test_the_next_due_time_follows_the_schedule(text: str, due: datetime) -> None:
    assert parse_schedule(text).after(NOON) == due


def test_day_and_weekday_must_both_match() -> None:
    friday_13th = parse_schedule("0 0 0 13 * 5").after(NOON)
    assert friday_13th == datetime(2025, 6, 13, tzinfo=UTC)
    assert parse_schedule("0 0 0 13 * 5").after(friday_13th) == datetime(2026, 2, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 * * * * *", "every minute"),
        ("30 * * * * *", "every minute at second 30"),
        ("0 */15 * * * *", "every 15 minutes"),
        ("*/2 * * * * *", "every 2 seconds"),
        ("0 5 * * * *", "every hour at 5 min 0 s past"),
        ("0 0 */6 * * *", "every 6 hours at 0 min 0 s past"),
        ("0 30 9 * * 1", "at 09:30:00 UTC, on Monday"),
        ("0 0 0 1 1 *", "at 00:00:00 UTC, on day 1, on month 1"),
        ("* */15 * * * *", "at second *, minute */15, hour *"),
        ("00:05:00", "every 5 minutes"),
        ("00:00:01", "every second"),
        ("00:01:30", "every 90 seconds"),
    ],
)
def test_a_schedule_is_said_in_words(text: str, words: str) -> None:
    assert parse_schedule(text).words() == words


@pytest.mark.parametrize(
    "text", ["", "0 5 * *", "@daily", "0 0 0 L * *", "0 99 * * * *", "24:00:00", "00:00:00", "0 0 0 31 2 *"]
)
def test_a_schedule_that_never_comes_or_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="schedule"):
        parse_schedule(text)


@given(st.integers(0, 86_400 * 400), st.sampled_from(["0 5 * * * *", "*/7 * * * * *", "0 0 12 * * 3"]))
def test_a_due_time_is_always_later_and_the_earliest(seconds: int, text: str) -> None:
    schedule, moment = parse_schedule(text), NOON + timedelta(seconds=seconds)
    due = schedule.after(moment)
    assert due > moment
    assert schedule.after(due - timedelta(seconds=1)) == due


def test_what_the_real_host_takes_comes_at_the_same_times_and_what_it_refuses_is_refused() -> None:
    if not OBSERVED.exists():
        pytest.skip(f"{OBSERVED} is absent")
    compared = 0
    for row in map(json.loads, OBSERVED.read_text().splitlines()):
        try:
            schedule = parse_schedule(row["expression"])
        except SettingsError:
            continue  # this host may refuse more: ranges that run backwards, steps of 0, days that never come
        assert row["error"] is None, row["expression"]
        for start, expected in zip(row["from"], row["next"], strict=True):
            due = schedule.after(datetime.fromisoformat(start)).replace(microsecond=0, tzinfo=None)
            assert due == datetime.fromisoformat(expected[0]), (row["expression"], start)
            compared += 1
    assert compared > 1000
