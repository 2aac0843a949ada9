"""The run record and its rules: which state may follow which, and what an observation makes of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.compute import Phase, Status
from shared.errors import WrongState


class State(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


FOLLOWERS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One batch scoring. `step` counts the moves: only the message that carries it may make the next one."""

    id: str
    workload: str
    params: dict[str, str]
    created: datetime
    updated: datetime
    state: State = State.QUEUED
    attempt: int = 1
    step: int = 0
    cancelling: bool = False
    reason: str = ""
    tasks: int = 0
    tasks_done: int = 0
    tasks_failed: int = 0
    task_seconds: float = 0.0
    history: list[tuple[datetime, State]] = field(default_factory=list)


def advance(run: Run, seen: Status, now: datetime) -> Run:
    """The run after compute was seen in `seen`; raises WrongState where the table forbids it."""
    moved = replace(
        _to(run, _STATE_OF[seen.phase], now, seen.reason),
        tasks=seen.tasks,
        tasks_done=seen.done,
        tasks_failed=seen.failed,
        task_seconds=run.task_seconds + seen.task_seconds,
    )
    return replace(moved, step=run.step + 1)


_STATE_OF = {
    Phase.RUNNING: State.RUNNING,
    Phase.SUCCEEDED: State.SUCCEEDED,
    Phase.FAILED: State.FAILED,
    Phase.CANCELLED: State.CANCELLED,
}


def fail(run: Run, reason: str, now: datetime) -> Run:
    """The run, ended for a reason that trying again by itself would not mend."""
    return replace(_to(run, State.FAILED, now, reason), step=run.step + 1)


def request_cancel(run: Run, now: datetime) -> Run:
    """The run, to be cancelled by its next move; raises WrongState where it has ended already."""
    if run.state.final:
        raise WrongState(f"Run {run.id} has already {run.state}.", "Only a run that goes on can be stopped.")
    return replace(run, cancelling=True, updated=now)


def retry(run: Run, now: datetime) -> Run:
    """The run, queued once more; tasks that succeeded are not repeated. WrongState unless it ended."""
    again = replace(_to(run, State.QUEUED, now, ""), cancelling=False, attempt=run.attempt + 1)
    return replace(again, step=run.step + 1)


def _to(run: Run, state: State, now: datetime, reason: str) -> Run:
    if state not in FOLLOWERS[run.state]:
        raise WrongState(
            f"Run {run.id} is {run.state}; it cannot become {state}.",
            "Only one that failed or was cancelled can be tried again.",
        )
    history = run.history if state is run.state else [*run.history, (now, state)]
    return replace(run, state=state, updated=now, reason=reason, history=history)
