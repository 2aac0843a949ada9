"""Compute on Azure Batch: the four verbs, each safe to repeat and to be raced by another instance of the app."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.compute import Phase, Status, Task
from shared.compute.azure_batch import observation
from shared.compute.azure_batch.account import BatchAccount, code_of, refused
from shared.compute.azure_batch.adding import add_tasks
from shared.compute.azure_batch.jobs import Jobs
from shared.compute.azure_batch.observation import Failure
from shared.compute.azure_batch.streams import Streams
from shared.compute.azure_batch.submission import ALL_ADDED, Submission
from shared.compute.names import attempt_of, job_id
from shared.errors import InvalidInput, NotFound, Transient
from shared.settings import Settings
from shared.storage import BlobStore
from shared.telemetry import log

if TYPE_CHECKING:
    from azure.batch.models import BatchJob
    from azure.core.exceptions import HttpResponseError

OPEN = ("active", "disabling", "disabled", "enabling")


@dataclass(frozen=True, slots=True)
class AzureBatchCompute:
    """Compute on a pool of Azure Batch; `logs` is the container that the tasks' streams end up in."""

    settings: Settings
    logs: BlobStore
    account: BatchAccount = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "account", BatchAccount(self.settings.batch_endpoint))

    def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
        submission = Submission(self.settings, run_id, attempt, tasks, self._done_before(run_id, attempt))
        if self._create(submission) and add_tasks(self.account, submission.job_id, submission.groups()):
            self._all_added(submission.job_id)

    def status(self, run_id: str) -> Status:
        job, now = self._jobs.newest(run_id)
        if job.state == "completed":
            return self._ended(run_id, job)
        if job.state == "active" and job.all_tasks_complete_mode != ALL_ADDED:
            raise NotFound(f"Not all tasks of run {run_id} have been added to its job yet.")
        counts = self._jobs.counts(job)
        reason = "" if counts.begun or job.state != "active" else self._waiting(job, now)
        return Status(Phase.RUNNING, counts.total, counts.succeeded, counts.failed, reason)

    def cancel(self, run_id: str) -> None:
        try:
            job, _ = self._jobs.newest(run_id)
        except NotFound:
            return
        if job.state in OPEN:
            self._jobs.end(str(job.id), observation.CANCELLED)

    def log(self, run_id: str, task_id: str) -> str:
        return self._streams.read(run_id, task_id)

    @property
    def _jobs(self) -> Jobs:
        return Jobs(self.account)

    @property
    def _streams(self) -> Streams:
        return Streams(self._jobs, self.logs)

    def _create(self, submission: Submission) -> bool:
        """See that the job exists; False where nothing is to be added to it any more."""
        from azure.core.exceptions import HttpResponseError

        body: Any = submission.job()
        try:
            self.account.call(lambda client: client.create_job(body))
        except HttpResponseError as error:
            if code_of(error) != "JobExists":
                raise _cannot_create(error) from error
            held = self.account.call(lambda client: client.get_job(submission.job_id))
            return held.state == "active" and held.all_tasks_complete_mode != ALL_ADDED
        log("job created", run=submission.run_id, job=submission.job_id, tasks=len(submission.tasks))
        return True

    def _all_added(self, job: str) -> None:
        """Have the job complete with its tasks, all of which it has now."""
        from azure.core.exceptions import ResourceExistsError

        change: Any = {"onAllTasksComplete": ALL_ADDED}
        try:
            self.account.call(lambda client: client.update_job(job, change))
        except ResourceExistsError:  # it has ended meanwhile: a task failed, or somebody cancelled it
            return

    def _done_before(self, run_id: str, attempt: int) -> frozenset[str]:
        """End earlier attempts; the tasks that succeeded in them, as far as their jobs are still there."""
        done: set[str] = set()
        for earlier in range(1, attempt):
            self._jobs.end(job_id(run_id, earlier), observation.CANCELLED)
            done |= self._jobs.succeeded(job_id(run_id, earlier))
        return frozenset(done)

    def _ended(self, run_id: str, job: "BatchJob") -> Status:
        why = str(job.execution_info.termination_reason if job.execution_info else "")
        stopped = why == observation.CANCELLED or why.startswith(observation.GAVE_UP)
        attempt = attempt_of(run_id, str(job.id))
        failed = [] if stopped else self._jobs.failed(str(job.id), all_of_them=why == "TaskFailed")
        failures = [Failure(str(task.display_name), self._streams.why(run_id, attempt, task)) for task in failed]
        status = observation.ended(why, self._jobs.counts(job), failures, self.settings.batch_job_seconds)
        seconds = self._jobs.task_seconds(str(job.id)) if self.settings.node_price else 0.0
        return replace(status, task_seconds=seconds)

    def _waiting(self, job: "BatchJob", now: datetime) -> str:
        """Why nothing has begun yet; gives the run up where that has lasted too long."""
        pool = str(job.pool_info.pool_id)
        trouble = self._jobs.pool_trouble(pool)
        reason = f"It waits for a node of the pool {pool}{f' ({trouble})' if trouble else ''}."
        if (now - job.creation_time).total_seconds() > self.settings.batch_start_seconds:
            limit = f"No task could start for {self.settings.batch_start_seconds} s (BATCH_START_SECONDS)."
            self._jobs.end(str(job.id), f"{observation.GAVE_UP}{limit} {reason}"[: observation.MAX_REASON])
        return reason


def _cannot_create(error: "HttpResponseError") -> Exception:
    code = code_of(error)
    if re.search("BeingDeleted|Quota", code):
        return Transient(f"Azure Batch cannot take a job now ({code}).", "It is tried again later.")
    if error.status_code == 409:
        return InvalidInput(f"Azure Batch cannot take the job: {code}.", "Check BATCH_POOL.")
    return refused(error)
