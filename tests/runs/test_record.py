"""The rules of a run: states follow one table, and nothing an observation says breaks it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.compute import Phase, Status
from shared.errors import InvalidInput
from shared.runs.record import FOLLOWERS, Run, State, advance, fail, request_cancel, retry

NOW = datetime(2026, 1, 31, tzinfo=UTC)
RUN = Run(id="r", workload="anomaly", params={}, created=NOW, updated=NOW)
OBSERVED = st.builds(Status, st.sampled_from(Phase), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.text())


def test_a_run_that_is_seen_running_is_running_and_counts_its_tasks() -> None:
    run = advance(RUN, Status(Phase.RUNNING, 5, 2), NOW)
    assert (run.state, run.tasks, run.tasks_done, run.step) == (State.RUNNING, 5, 2, 1)


def test_a_run_that_ended_says_why() -> None:
    run = advance(advance(RUN, Status(Phase.RUNNING), NOW), Status(Phase.FAILED, 1, 0, 1, "no memory"), NOW)
    assert (run.state, run.reason) == (State.FAILED, "no memory")


def test_a_retry_is_a_new_attempt_and_forgets_the_reason() -> None:
    run = retry(fail(RUN, "lost", NOW), NOW)
    assert (run.state, run.attempt, run.reason) == (State.QUEUED, 2, "")


def test_what_succeeded_cannot_be_retried_or_cancelled() -> None:
    run = advance(advance(RUN, Status(Phase.RUNNING), NOW), Status(Phase.SUCCEEDED), NOW)
    with pytest.raises(InvalidInput, match="succeeded"):
        retry(run, NOW)
    with pytest.raises(InvalidInput, match="succeeded"):
        request_cancel(run, NOW)


def test_the_time_of_all_attempts_is_paid_for() -> None:
    run = advance(advance(RUN, Status(Phase.RUNNING), NOW), Status(Phase.FAILED, 2, 1, 1, "x", task_seconds=10), NOW)
    again = advance(retry(run, NOW), Status(Phase.RUNNING), NOW)
    assert advance(again, Status(Phase.SUCCEEDED, 2, 2, task_seconds=5), NOW).task_seconds == 15


@given(st.lists(OBSERVED | st.sampled_from(["fail", "retry", "cancel"]), max_size=12))
def test_any_history_follows_the_table_and_steps_only_grow(moves: list[Status | str]) -> None:
    run = RUN
    for minutes, move in enumerate(moves):
        before, now = run, NOW + timedelta(minutes=minutes)
        try:
            run = _moved(run, move, now)
        except InvalidInput:
            assert run is before
            continue
        assert run.state is before.state or run.state in FOLLOWERS[before.state]
        assert run.step >= before.step
        assert run.state is before.state or run.history[-1] == (now, run.state)


def _moved(run: Run, move: Status | str, now: datetime) -> Run:
    if isinstance(move, Status):
        return advance(run, move, now)
    if move == "fail":
        return fail(run, "lost", now)
    return retry(run, now) if move == "retry" else request_cancel(run, now)
