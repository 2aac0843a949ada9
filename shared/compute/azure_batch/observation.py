"""What became of a run, from its job, its task counts and the tasks that failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.compute import Phase, Status

CANCELLED = "cancelled"
"""The reason by which a job says that the app ended it at somebody's word."""
GAVE_UP = "Tally: "
"""What the reason begins with where the app ended a job because it could not go on."""
MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of a run by state; the `before` that earlier attempts had done are among `succeeded`."""

    total: int
    succeeded: int
    failed: int
    running: int
    before: int = 0

    @property
    def begun(self) -> bool:
        """Whether any task of this job has been on a node."""
        return bool(self.running or self.failed or self.succeeded > self.before)


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed for good, and why."""

    task: str
    reason: str


def ended(why: str, counts: Counts, failures: Sequence[Failure], job_seconds: int) -> Status:
    """The status of a run whose job is complete; `why` is what the job gives as its reason.

    `failures` are of tasks that the run cannot do without; where all others are done, it has succeeded.
    """
    if failures:
        return Status(Phase.FAILED, counts.total, counts.succeeded, len(failures), failures[0].reason)
    if why == "AllTasksComplete":
        return Status(Phase.SUCCEEDED, counts.total, counts.total - counts.failed, counts.failed)
    phase, reason = _unfinished(why, job_seconds)
    return Status(phase, counts.total, counts.succeeded, 0, reason)


def _unfinished(why: str, job_seconds: int) -> tuple[Phase, str]:
    if why == CANCELLED:
        return Phase.CANCELLED, ""
    if why.startswith(GAVE_UP):
        return Phase.FAILED, why.removeprefix(GAVE_UP)
    if why == "MaxWallClockTimeExpiry":
        return Phase.FAILED, f"Stopped: still running after {job_seconds} s (BATCH_JOB_SECONDS)."
    return Phase.CANCELLED, f"Somebody ended its job in Azure Batch ({why})."
