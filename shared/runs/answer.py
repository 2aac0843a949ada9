"""A run as the HTTP API shows it: the record, with a history that any client can read."""

from datetime import datetime
from typing import Annotated

import msgspec

from shared.runs.record import Run, State

RunId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$", examples=["style-clip-0123456789abcdef"])]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class StateChange(msgspec.Struct, frozen=True):
    """A state, and when the run came into it."""

    at: Instant
    state: State


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One batch scoring. `step` counts the moves; tasks are those of the last attempt."""

    id: RunId
    workload: str
    params: dict[str, str]
    created: Instant
    updated: Instant
    state: State
    attempt: int
    step: int
    cancelling: bool
    reason: str
    tasks: int
    tasks_done: int
    tasks_failed: int
    task_seconds: float
    history: list[StateChange]


def shown(run: Run) -> RunAnswer:
    """The run as it is shown."""
    facts = {name: getattr(run, name) for name in RunAnswer.__struct_fields__}
    return RunAnswer(**facts | {"history": [StateChange(at, state) for at, state in run.history]})
