"""Compute on Azure Batch: the four verbs, each safe to repeat and to be raced by another instance of the app."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.compute import Phase, Status, Task
from shared.compute.azure import folded
from shared.compute.azure_batch import observation
from shared.compute.azure_batch.account import BatchAccount, code_of, refused, said
from shared.compute.azure_batch.adding import add_tasks
from shared.compute.azure_batch.jobs import Jobs, planned, pool_trouble
from shared.compute.azure_batch.observation import End
from shared.compute.azure_batch.streams import Streams
from shared.compute.azure_batch.submission import ALL_ADDED, Submission
from shared.compute.names import attempt_of, job_id
from shared.errors import InvalidInput, NotFound, Overloaded
from shared.settings import Settings
from shared.storage import BlobStore
from shared.telemetry import log

if TYPE_CHECKING:
    from azure.batch.models import BatchJob
    from azure.core.exceptions import HttpResponseError

DISABLED = "Somebody disabled its job in Azure Batch: it goes on once that is enabled."
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
        try:
            self._see_pool(submission.pool_id)
            if self._create(submission) and add_tasks(self.account, submission.job_id, submission.groups()):
                self._all_added(submission)
        except InvalidInput as refusal:  # what was added before must not go on without the rest
            self._jobs.end(submission.job_id, f"{observation.GAVE_UP}{refusal}"[: observation.MAX_REASON])
            raise

    def status(self, run_id: str, attempt: int = 1) -> Status:
        job, now = self._jobs.newest(run_id, attempt)
        state = folded(job.state)
        if state == "completed":
            return self._ended(run_id, job, now)
        if state == "active" and folded(job.all_tasks_complete_mode) != ALL_ADDED:
            raise NotFound(f"Not all tasks of run {run_id} have been added to its job yet.")
        counts = self._jobs.counts(job)
        reason = "" if counts.running else self._waiting(job, now, begun=counts.begun)
        return Status(Phase.RUNNING, counts.total, counts.succeeded, counts.failed, reason)

    def cancel(self, run_id: str) -> None:
        try:
            job, _ = self._jobs.newest(run_id)
        except NotFound:
            return
        if folded(job.state) in OPEN:
            self._jobs.end(str(job.id), observation.CANCELLED)

    def log(self, run_id: str, task_id: str) -> str:
        return self._streams.read(run_id, task_id)

    @property
    def _jobs(self) -> Jobs:
        return Jobs(self.account)

    @property
    def _streams(self) -> Streams:
        return Streams(self._jobs, self.logs)

    def _see_pool(self, pool_id: str) -> None:
        """Raise InvalidInput where no task could ever run on the pool: the service takes jobs on any name."""
        pool = self._jobs.pool(pool_id)
        if pool is None or folded(pool.state) == "deleting":
            raise InvalidInput(f"Azure Batch has no pool {pool_id}.", "Check BATCH_POOL.")
        machine = pool.virtual_machine_configuration
        if machine is None or machine.container_configuration is None:
            raise InvalidInput(
                f"The nodes of the pool {pool_id} run no containers.", "Make it anew, or check BATCH_POOL."
            )

    def _create(self, submission: Submission) -> bool:
        """See that the job exists; False where nothing is to be added to it any more."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        body: Any = submission.job()
        try:
            self.account.call(lambda client: client.create_job(body))
        except HttpResponseError as error:
            if code_of(error) in ("JobCompleted", "JobBeingTerminated"):  # made before, and over by now
                return False
            if code_of(error) != "JobExists":
                raise _cannot_create(error) from error
            try:
                held = self.account.call(lambda client: client.get_job(submission.job_id))
            except ResourceNotFoundError:  # deleted just now: the next look finds no job
                return False
            return folded(held.state) == "active" and folded(held.all_tasks_complete_mode) != ALL_ADDED
        log("job created", run=submission.run_id, job=submission.job_id, tasks=len(submission.tasks))
        return True

    def _all_added(self, submission: Submission) -> None:
        """Have the job complete with its tasks, all of which it has now."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        # Lists are behind: a submission that was begun before may have known of fewer tasks that were done.
        change: Any = {"onAllTasksComplete": ALL_ADDED, "metadata": submission.metadata()}
        try:
            self.account.call(lambda client: client.update_job(submission.job_id, change))
        except (ResourceExistsError, ResourceNotFoundError):  # it has ended meanwhile, or somebody deleted it
            return

    def _done_before(self, run_id: str, attempt: int) -> frozenset[str]:
        """End earlier attempts; the tasks that succeeded in them, as far as their jobs are still there."""
        done: set[str] = set()
        for earlier in range(1, attempt):
            self._jobs.end(job_id(run_id, earlier), observation.CANCELLED)
            done |= self._jobs.succeeded(job_id(run_id, earlier))
        return frozenset(done)

    def _ended(self, run_id: str, job: "BatchJob", now: datetime) -> Status:
        why, end = "", None
        if info := job.execution_info:
            why, end = str(info.termination_reason or ""), info.end_time
        (total, before), seen = planned(job), self._jobs.outcomes(str(job.id))
        settled = end is not None and now - end > observation.SETTLING
        found = observation.verdict(
            why, seen, total - before, settled=settled, job_seconds=self.settings.batch_job_seconds
        )
        failed = seen.counts[End.FAILED] + seen.counts[End.SPARED]
        reason = found.reason
        if found.culprit:
            failed = failed or seen.counts[found.culprit]
            reason = self._streams.why(run_id, attempt_of(run_id, str(job.id)), seen.first[found.culprit])
        seconds = seen.seconds if self.settings.node_price and found.phase is not Phase.RUNNING else 0.0
        return Status(found.phase, total, before + seen.counts[End.SUCCEEDED], failed, reason, seconds)

    def _waiting(self, job: "BatchJob", now: datetime, *, begun: bool) -> str:
        """Why no task is at work, empty where one is; gives the run up where that has lasted too long."""
        if folded(job.state) != "active":
            return DISABLED if folded(job.state) in ("disabling", "disabled") else ""
        pool_id, old = str(job.pool_info.pool_id), self._is_late(job.creation_time, now)
        pool = self._jobs.pool(pool_id)
        nodes = pool and (pool.current_dedicated_nodes or pool.current_low_priority_nodes)
        if (old or nodes) and self._jobs.at_work(str(job.id)):
            return ""
        trouble = pool_trouble(pool) or (self._jobs.node_trouble(pool_id) if nodes else "")
        reason = f"It waits for a node of the pool {pool_id}{f' ({trouble})' if trouble else ''}."
        if old and (why := self._given_up(job, now, reason)):
            return why
        return "" if begun and nodes and not trouble else reason  # empty: between two tasks

    def _given_up(self, job: "BatchJob", now: datetime, reason: str) -> str:
        """Why the run is given up, which it is where no task has begun or ended for too long; else empty."""
        changes, (total, before) = self._jobs.changes(job), planned(job)
        if not self._is_late(max([job.creation_time, *changes]), now):
            return ""
        if len(changes) < total - before:
            reason = f"Azure Batch lists {len(changes)} of its {total - before} tasks."
        limit = f"No task could start for {self.settings.batch_start_seconds} s (BATCH_START_SECONDS)."
        self._jobs.end(str(job.id), f"{observation.GAVE_UP}{limit} {reason}"[: observation.MAX_REASON])
        return reason

    def _is_late(self, since: datetime, now: datetime) -> bool:
        return (now - since).total_seconds() > self.settings.batch_start_seconds


def _cannot_create(error: "HttpResponseError") -> Exception:
    code = code_of(error)
    if code == "JobBeingDeleted" or "quota" in folded(code):
        return Overloaded(f"Azure Batch cannot take a job now ({code}).", "It is tried again later.")
    if error.status_code == 409:
        return InvalidInput(f"Azure Batch cannot take the job: {said(error)}.")
    return refused(error)
