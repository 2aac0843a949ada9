"""What became of a run, from its job and from how each of its tasks ended."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.compute import Phase
from shared.compute.azure import folded

if TYPE_CHECKING:
    from azure.batch.models import BatchTask

CANCELLED = "cancelled"
"""The reason by which a job says that the app ended it at somebody's word."""
GAVE_UP = "Tally: "
"""What the reason begins with where the app ended a job because it could not go on."""
MAX_REASON = 1000
ALL_DONE = ("alltaskscompleted", "alltaskscomplete")
"""A job that ended with its tasks: as the service says it, and as it is documented."""
TASK_FAILED = "taskfailed"
SETTLING = timedelta(minutes=5)
"""A completed job's tasks are listed in full only minutes later; what is missing after so long is lost."""


class End(StrEnum):
    """How a task ended: `SPARED` are failures that the run can do without, `STOPPED` what a request ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SPARED = "spared"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of a run by state, as counted by the service, which can be minutes behind.

    The `before` that earlier attempts had done are among `succeeded`.
    """

    total: int
    succeeded: int
    failed: int
    running: int
    before: int = 0

    @property
    def begun(self) -> bool:
        """Whether any task of this job has been on a node."""
        return bool(self.running or self.failed or self.succeeded > self.before)


@dataclass(slots=True)
class Outcomes:
    """How a job's tasks ended, as far as they are listed; `first` has the first one of each failure, by its end."""

    counts: Counter[End] = field(default_factory=Counter)
    first: "dict[End, BatchTask]" = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, task: "BatchTask") -> None:
        """Take in one task; one that has not ended counts for nothing."""
        info = task.execution_info
        if info is None or not info.result:
            return
        end = _end(task)
        self.counts[end] += 1
        if info.start_time and info.end_time:
            self.seconds += (info.end_time - info.start_time).total_seconds()
        if end not in self.first or _ended_at(task) < _ended_at(self.first[end]):
            self.first[end] = task

    @property
    def well(self) -> int:
        """Tasks that the run need not wait for any more."""
        return self.counts[End.SUCCEEDED] + self.counts[End.SPARED]


def _end(task: "BatchTask") -> End:
    info, default = task.execution_info, task.exit_conditions.default if task.exit_conditions else None
    if info and folded(info.result) == "success":
        return End.SUCCEEDED
    if default is not None and folded(default.job_action) == "none":
        return End.SPARED
    stopped = info and info.failure_info and folded(info.failure_info.code) == "taskended"
    return End.STOPPED if stopped else End.FAILED


def _ended_at(task: "BatchTask") -> str:
    return str(task.execution_info and task.execution_info.end_time)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a completed job makes of its run: why, or the task that says why."""

    phase: Phase
    reason: str = ""
    culprit: End | None = None


def verdict(why: str, seen: Outcomes, expected: int, *, settled: bool, job_seconds: int) -> Verdict:
    """Decide by the tasks: a run has succeeded when each of the `expected` ones was seen to end well.

    `why` is what the job gives as its reason; `settled` says that its tasks have had time to be listed.
    """
    if why == CANCELLED:
        return Verdict(Phase.CANCELLED)
    if why.startswith(GAVE_UP):
        return Verdict(Phase.FAILED, why.removeprefix(GAVE_UP))
    if seen.counts[End.FAILED]:
        return Verdict(Phase.FAILED, culprit=End.FAILED)
    if seen.well >= expected:
        return Verdict(Phase.SUCCEEDED)
    if folded(why) in (*ALL_DONE, TASK_FAILED, ""):
        return _incomplete(why, seen, expected, settled=settled)
    if folded(why) == "maxwallclocktimeexpiry":
        return Verdict(Phase.FAILED, f"Stopped: still running after {job_seconds} s (BATCH_JOB_SECONDS).")
    return Verdict(Phase.CANCELLED, f"Somebody ended its job in Azure Batch ({why}).")


def _incomplete(why: str, seen: Outcomes, expected: int, *, settled: bool) -> Verdict:
    """Of a job that ended by itself, without all of its tasks having been seen to end well."""
    all_seen = seen.counts.total() >= expected
    if not settled and not all_seen:
        return Verdict(Phase.RUNNING, "Its job has ended; Azure Batch does not list all of its tasks yet.")
    blamed = (End.SPARED, End.STOPPED) if folded(why) == TASK_FAILED else (End.STOPPED,)
    culprit = next((end for end in blamed if seen.counts[end]), None)
    if culprit:
        return Verdict(Phase.FAILED, culprit=culprit)
    said, listed = why or "without a reason", f"{seen.counts.total()} of its {expected} tasks"
    return Verdict(Phase.FAILED, f"Its job has ended ({said}), and Azure Batch lists {listed} as ended.")
