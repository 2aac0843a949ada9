"""Exactly one row per (series, window), whatever the batches, the failures and the rivals."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Conflict, Transient
from shared.readings.advance import Batch
from shared.readings.state import sealed_until
from tests.readings.plain import IDLE, START, WALL, Account, Killed, batch, body, expected, slice_of

bodies = st.one_of(
    st.builds(
        body,
        st.floats(-30, 400).map(lambda s: round(s, 3)),
        st.floats(-1e6, 1e6) | st.integers(-9, 9) | st.sampled_from(["1.5", "x", None, 1e200]),
        st.sampled_from(["pump", 2, "2", 2.0]),
        st.sampled_from(["t", 7, ""]),
    ),
    st.sampled_from([b"", b"{", b"[]", b"{}{}", b"null"]),
)
streams = st.lists(bodies, max_size=40).map(batch)


def same_as_expected(account: Account, events: Batch) -> None:
    want = expected(events)
    rows = account.rows().rows()
    assert [row[:4] for row in rows] == [row[:4] for row in want.rows()]
    for row, plain in zip(rows, want.rows(), strict=True):
        assert row[4:] == pytest.approx(plain[4:], rel=1e-9, abs=1e-6)
    assert [record["sequence"] for record in account.records("late")] == want.late
    assert [record["sequence"] for record in account.records("rejects")] == want.rejects


deliveries = st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(0, 40)), max_size=10)


@given(streams, deliveries)
@settings(max_examples=30)
def test_rows_do_not_depend_on_batch_boundaries_redelivery_or_zombies(
    events: Batch, calls: list[tuple[bool, int, int]]
) -> None:
    account, done = Account(), 0
    rivals = {False: account.ingestor(), True: account.ingestor()}
    for who, back, ahead in calls:
        rivals[who].ingest("0", slice_of(events, max(0, done - back), done + ahead))
        done = min(done + ahead, len(events))
    rivals[False].ingest("0", slice_of(events, done, len(events)))
    account.close()
    same_as_expected(account, events)
    assert account.files() == at_once(events).files()


def at_once(events: Batch) -> Account:
    account = Account()
    account.ingestor().ingest("0", events)
    account.close()
    return account


class Dying:
    """Dies at the n-th look at a write; every write is looked at before and after."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed(name)


def stream_with_everything() -> Batch:
    """Several windows, files, series, late events and rejects, seals in every batch."""
    steps = [i * 7.0 for i in range(60)]
    good = [body(s, i * 0.1, f"d{i % 3}", i % 2) for i, s in enumerate(steps)]
    return batch([*good[:30], body(1), b"{", *good[30:], body(2), b"no"])


def test_killed_between_any_two_writes_nothing_is_lost_or_doubled() -> None:
    events = stream_with_everything()
    whole = at_once(events)
    kills = 0
    for looks in range(500):
        account = Account()
        try:
            dying = account.ingestor(Dying(looks))
            for start in range(0, len(events), 16):
                dying.ingest("0", slice_of(events, start, start + 16))
            dying.flush(WALL)
            dying.flush(WALL + timedelta(seconds=IDLE))
            break
        except Killed:
            kills += 1
        survivor = account.ingestor()
        for start in range(0, len(events), 23):  # other boundaries, everything redelivered
            survivor.ingest("0", slice_of(events, start, start + 23))
        account.close()
        assert account.files() == whole.files(), f"killed at {looks}"
        same_as_expected(account, events)
    assert kills > 20


def test_a_rival_that_commits_in_between_is_noticed() -> None:
    account, events = Account(), stream_with_everything()
    rival = account.ingestor()
    interfere: list[Callable[[], object]] = [lambda: rival.ingest("0", slice_of(events, 0, 20))]

    def before_put(_: str) -> None:
        if interfere:
            interfere.pop()()

    account.ingestor(before_put).ingest("0", events)
    account.close()
    assert account.files() == at_once(events).files()


def test_a_commit_whose_answer_was_lost_is_not_made_twice() -> None:
    account, events, looks = Account(), stream_with_everything(), count()

    def lose_the_first_answer(name: str) -> None:
        if next(looks) == 1:  # the client library tried again, and met the ETag of its own write
            raise Conflict(f"{name} was changed by somebody else.")

    account.ingestor(lose_the_first_answer).ingest("0", events)
    account.close()
    assert account.files() == at_once(events).files()


def test_flushing_in_another_thread_disturbs_nothing() -> None:
    account, events = Account(), stream_with_everything()
    ingestor = account.ingestor()
    with ThreadPoolExecutor(2) as pool:
        flushes = [pool.submit(ingestor.flush, WALL) for _ in range(20)]
        for position in range(0, len(events), 4):
            ingestor.ingest("0", slice_of(events, position, position + 4))
        for flush in flushes:
            flush.result()
    account.close()
    assert account.files() == at_once(events).files()
    same_as_expected(account, events)


def test_an_ingestor_that_is_always_outrun_gives_up_with_a_transient_error() -> None:
    def outrun(name: str) -> None:
        raise Conflict(f"{name} was changed by somebody else.")

    with pytest.raises(Transient, match="changed by others"):
        Account().ingestor(outrun).ingest("0", stream_with_everything())


def test_a_failed_write_is_made_good_by_the_redelivered_batch() -> None:
    account, events, broken = Account(), stream_with_everything(), [True]

    def fail_once(name: str) -> None:
        if name.startswith("date=") and broken and broken.pop():
            raise OSError("storage is away")

    ingestor = account.ingestor(fail_once)
    with pytest.raises(OSError, match="storage is away"):
        ingestor.ingest("0", events)
    assert ingestor.ingest("0", events).duplicates == len(events)
    account.close()
    assert account.files() == at_once(events).files()


def test_an_empty_batch_is_fine() -> None:
    account = Account()
    assert account.ingestor().ingest("0", batch([])) == (0, 0, 0)
    assert not account.states.blobs


def test_an_empty_batch_writes_what_is_owed() -> None:
    account, events = Account(), stream_with_everything()
    with pytest.raises(Killed):
        account.ingestor(Dying(2)).ingest("0", events)
    account.ingestor().ingest("0", batch([]))
    assert account.files()


def test_a_clock_far_ahead_is_refused_and_closes_nothing() -> None:
    account = Account()
    account.ingestor().ingest("0", batch([body(0), body(86_400), body(1)]))
    account.close()
    assert [record["reason"] for record in account.records("rejects")] == ["too-far-ahead"]
    assert account.rows()["count"].sum() == 2


def test_old_readings_are_taken_as_a_replay() -> None:
    account = Account()
    account.ingestor().ingest("0", batch([body(0)], enqueued=datetime(2026, 1, 1, tzinfo=UTC)))
    account.close()
    assert account.rows()["count"].to_list() == [1]


def test_a_hub_made_anew_is_not_taken_for_redelivery() -> None:
    account = Account()
    ingestor = account.ingestor()
    ingestor.ingest("0", batch([body(i) for i in range(9)]))
    ingestor.ingest("0", batch([body(i) for i in range(9, 12)], enqueued=START + timedelta(hours=1)))
    account.close()
    assert account.rows()["count"].sum() == 12


def test_a_reject_keeps_its_reason_its_checksum_and_its_beginning() -> None:
    account = Account()
    account.ingestor().ingest("3", batch([b"x" * 100_000], first=17))
    (record,) = account.records("rejects")
    assert (record["sequence"], record["reason"], record["size"]) == (17, "too-large", 100_000)
    assert record["body"] == "x" * 2048
    assert list(account.aside.blobs) == ["rejects/date=2018-04-06/hour=20/p3-00000000000000000017.jsonl"]


def test_new_window_settings_start_after_everything_open() -> None:
    account = Account()
    account.ingestor().ingest("0", batch([body(i) for i in range(20)]))
    account.ingestor(window=10).ingest("0", batch([body(20), body(45)], first=20))
    account.close()
    assert account.rows()["count"].to_list() == [5, 5, 5, 5, 1]
    assert [record["sequence"] for record in account.records("late")] == [20]


def test_flush_waits_for_the_idle_time_before_it_seals() -> None:
    account = Account()
    ingestor = account.ingestor()
    ingestor.ingest("0", batch([body(0)]))
    assert ingestor.flush(WALL) == 0
    assert ingestor.flush(WALL + timedelta(seconds=IDLE - 1)) == 0
    ingestor.ingest("0", batch([body(1)], first=1))
    assert ingestor.flush(WALL + timedelta(seconds=IDLE)) == 0
    assert ingestor.flush(WALL + timedelta(seconds=2 * IDLE)) == 1
    assert account.rows()["count"].to_list() == [2]


def test_a_partition_with_events_waiting_in_the_hub_is_behind_and_not_silent() -> None:
    account, held = Account(), {"0": 1, "1": 0}
    ingestor = account.ingestor(ends=lambda: held)
    ingestor.ingest("0", batch([body(0)]))
    ingestor.ingest("1", batch([body(900)], 0, WALL))
    for minute in range(3):
        ingestor.flush(WALL + timedelta(seconds=minute * IDLE))
    ingestor.ingest("0", batch([body(1)], first=1))
    for minute in range(3, 6):
        ingestor.flush(WALL + timedelta(seconds=minute * IDLE))
    assert account.rows()["count"].to_list() == [2, 1]
    assert account.records("late") == []


def test_while_the_hub_cannot_be_asked_nothing_is_closed_but_what_is_owed_is_written() -> None:
    def unreachable() -> dict[str, int]:
        raise Transient("the hub is away")

    account = Account()
    ingestor = account.ingestor(ends=unreachable)
    with pytest.raises(Killed):
        account.ingestor(Dying(2)).ingest("0", batch([body(0), body(200)]))
    assert ingestor.flush(WALL) == 1
    assert ingestor.flush(WALL + timedelta(seconds=IDLE)) == 0


def test_a_new_process_observes_silence_for_itself() -> None:
    account = Account()
    account.ingestor().ingest("0", batch([body(0)]))
    assert account.ingestor().flush(WALL) == 0
    assert account.ingestor().flush(WALL + timedelta(days=1)) == 0


def test_a_long_pause_between_looks_is_not_silence() -> None:
    account = Account()
    ingestor = account.ingestor()
    ingestor.ingest("0", batch([body(0)]))
    ingestor.flush(WALL)
    assert ingestor.flush(WALL + timedelta(days=1)) == 0


def test_sealed_until_is_the_slowest_partition() -> None:
    account = Account()
    ingestor = account.ingestor()
    assert sealed_until(account.states, "readings") is None
    ingestor.ingest("0", batch([body(0), body(200)]))
    ingestor.ingest("1", batch([body(0), body(100)]))
    ingestor.flush(WALL)
    assert sealed_until(account.states, "readings") == START.replace(minute=1, hour=21, second=0)


def test_sealed_until_waits_for_files_that_may_not_be_written() -> None:
    account = Account()
    with pytest.raises(Killed):
        account.ingestor(Dying(2)).ingest("0", batch([body(0), body(200)]))
    assert sealed_until(account.states, "readings") == START.replace(second=0)
    account.ingestor().flush(WALL)
    assert sealed_until(account.states, "readings") == START.replace(hour=21, minute=2, second=0)


def test_a_silent_partition_follows_the_busy_ones() -> None:
    account = Account()
    ingestor = account.ingestor()
    ingestor.ingest("0", batch([body(0)]))
    for minute in range(4):
        ingestor.ingest("1", batch([body(300 * minute)], minute, WALL))
        ingestor.flush(WALL + timedelta(minutes=minute))
    assert sealed_until(account.states, "readings") == START.replace(hour=21, minute=14, second=0)
    ingestor.ingest("0", batch([body(20)], first=1))
    assert [record["sequence"] for record in account.records("late")] == [1]


def test_when_all_are_silent_everything_is_sealed() -> None:
    account = Account()
    ingestor = account.ingestor()
    ingestor.ingest("0", batch([body(0)]))
    ingestor.ingest("1", batch([body(3600)], 0, WALL))
    account.close()
    assert sealed_until(account.states, "readings") == START.replace(hour=22, minute=0, second=0)
