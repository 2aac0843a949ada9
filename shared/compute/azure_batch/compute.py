"""Compute on Azure Batch: the four verbs, each safe to repeat and to be raced by another instance of the app."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from itertools import batched, islice
from typing import TYPE_CHECKING, Any

from shared.compute import Phase, Status, Task
from shared.compute.azure_batch import observation
from shared.compute.azure_batch.account import BatchAccount, code_of, refused
from shared.compute.azure_batch.names import attempt_of, job_id, job_prefix, log_name
from shared.compute.azure_batch.observation import Counts, Failure
from shared.compute.azure_batch.submission import ALL_ADDED, Body, Submission
from shared.errors import InvalidInput, NotFound, Transient
from shared.settings import Settings
from shared.storage import BlobStore
from shared.telemetry import log

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchJob, BatchTask
    from azure.core.exceptions import HttpResponseError

AT_ONCE = 4
"""Requests that add tasks side by side."""
FAILURES_READ = 100
TAIL = 4096
"""Bytes of a log in which its last line is looked for."""
OPEN = ("active", "disabling", "disabled", "enabling")
_SUCCEEDED = "state eq 'completed' and executionInfo/result eq 'success'"
_FAILED = "state eq 'completed' and executionInfo/result eq 'failure'"


@dataclass(frozen=True, slots=True)
class AzureBatchCompute:
    """Compute on a pool of Azure Batch; `logs` is the container that the tasks' streams end up in."""

    settings: Settings
    logs: BlobStore
    account: BatchAccount = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "account", BatchAccount(self.settings.batch_endpoint))

    def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
        done = self._done_before(run_id, attempt) if attempt > 1 else frozenset()
        submission = Submission(self.settings, run_id, attempt, tasks, done)
        if not self._create(submission):
            return
        with ThreadPoolExecutor(AT_ONCE, "batch-submit") as threads:
            for groups in batched(submission.groups(), AT_ONCE, strict=False):
                if not all(list(threads.map(lambda group: self._add(submission.job_id, group), groups))):
                    return
        self._close(submission.job_id)

    def status(self, run_id: str) -> Status:
        job, now = self._newest(run_id)
        if job.state == "completed":
            return self._ended(run_id, job)
        if job.state == "active" and job.all_tasks_complete_mode != ALL_ADDED:
            raise NotFound(f"Not all tasks of run {run_id} have been added to its job yet.")
        counts = self._counts(job)
        reason = "" if counts.begun or job.state != "active" else self._waiting(job, now)
        return Status(Phase.RUNNING, counts.total, counts.succeeded, counts.failed, reason)

    def cancel(self, run_id: str) -> None:
        try:
            job, _ = self._newest(run_id)
        except NotFound:
            return
        if job.state in OPEN:
            self._terminate(str(job.id), observation.CANCELLED)

    def log(self, run_id: str, task_id: str) -> str:
        kept = [info.name for info in self.logs.list(f"{run_id}/{task_id}.")]
        texts = {name.removeprefix(f"{run_id}/").removesuffix(".txt"): self._kept(name) for name in kept}
        texts = texts or self._so_far(run_id, task_id)
        if not texts:
            raise NotFound(f"Run {run_id} has no log of a task {task_id}.")
        return "".join(f"--- {name}\n{text}" for name, text in texts.items())

    def _create(self, submission: Submission) -> bool:
        """See that the job exists; False where nothing is to be added to it any more."""
        from azure.core.exceptions import HttpResponseError

        try:
            self.account.call(lambda client: client.create_job(submission.job()))  # type: ignore[arg-type]
        except HttpResponseError as error:
            if code_of(error) != "JobExists":
                raise _cannot_create(error) from error
            held = self.account.call(lambda client: client.get_job(submission.job_id))
            return held.state == "active" and held.all_tasks_complete_mode != ALL_ADDED
        log("job created", run=submission.run_id, job=submission.job_id, tasks=len(submission.tasks))
        return True

    def _add(self, job: str, group: Sequence[Body]) -> bool:
        """Add tasks, those that exist already counting as added; False where the job takes none any more."""
        from azure.core.exceptions import HttpResponseError

        left = list(group)
        for _ in range(5):
            try:
                added = self.account.call(partial(_add_group, job, {"value": left}))
            except HttpResponseError as error:
                if error.status_code == 413 and len(left) > 1:
                    half = len(left) // 2
                    return self._add(job, left[:half]) and self._add(job, left[half:])
                if error.status_code == 409:
                    return False
                raise refused(error) from error
            left = _to_add_again(left, added.result_values or [])
            if not left:
                return True
        raise Transient(f"Azure Batch could not add {len(left)} tasks to job {job}.", "It is tried again later.")

    def _close(self, job: str) -> None:
        """Have the job complete with its tasks, all of which it has now."""
        from azure.core.exceptions import ResourceExistsError

        change: Any = {"onAllTasksComplete": ALL_ADDED}
        try:
            self.account.call(lambda client: client.update_job(job, change))
        except ResourceExistsError:  # it has ended meanwhile: a task failed, or somebody cancelled it
            return

    def _newest(self, run_id: str) -> tuple["BatchJob", datetime]:
        """The job of the run's last attempt, and the time by the service's clock; raises NotFound."""
        heard: dict[str, str] = {}
        condition = f"startswith(id,'{job_prefix(run_id)}')"

        def ask(client: Any) -> list[Any]:
            hook = {"raw_response_hook": lambda response: heard.update(response.http_response.headers)}
            return list(client.list_jobs(filter=condition, **hook))

        found = {attempt_of(run_id, str(job.id)): job for job in self.account.call(ask)}
        newest = max(found, default=0)
        if not newest or found[newest].state == "deleting":
            raise NotFound(
                f"Azure Batch has no job of run {run_id}.", "It was never submitted, or somebody deleted it."
            )
        date = {name.lower(): value for name, value in heard.items()}.get("date")
        return found[newest], parsedate_to_datetime(date) if date else datetime.now(UTC)

    def _done_before(self, run_id: str, attempt: int) -> frozenset[str]:
        """End earlier attempts; the tasks that succeeded in them, as far as their jobs are still there."""
        from azure.core.exceptions import ResourceNotFoundError

        done: set[str] = set()
        for earlier in range(1, attempt):
            job = job_id(run_id, earlier)
            self._terminate(job, observation.CANCELLED)
            try:
                done |= {str(task.display_name) for task in self._tasks(job, _SUCCEEDED)}
            except ResourceNotFoundError:
                continue
        return frozenset(done)

    def _tasks(self, job: str, condition: str, most: int | None = None) -> list["BatchTask"]:
        chosen = ["id", "displayName", "executionInfo"]

        def ask(client: Any) -> Iterator[Any]:
            return islice(client.list_tasks(job, filter=condition, select=chosen), most)

        return self.account.call(lambda client: list(ask(client)))

    def _counts(self, job: "BatchJob") -> Counts:
        found = self.account.call(lambda client: client.get_job_task_counts(str(job.id))).task_counts
        facts = {str(item.name): str(item.value) for item in job.metadata or []}
        done = int(facts.get("done", 0))
        return Counts(int(facts.get("tasks", 0)), found.succeeded + done, found.failed, found.running, done)

    def _ended(self, run_id: str, job: "BatchJob") -> Status:
        why = str(job.execution_info.termination_reason if job.execution_info else "")
        stopped = why == observation.CANCELLED or why.startswith(observation.GAVE_UP)
        failures = [] if stopped else self._failures(run_id, job)
        return observation.ended(why, self._counts(job), failures, self.settings.batch_job_seconds)

    def _failures(self, run_id: str, job: "BatchJob") -> list[Failure]:
        """The tasks that failed by themselves, first one first; those that the job's end stopped are left out."""
        tasks = self._tasks(str(job.id), _FAILED, FAILURES_READ)
        own = [task for task in tasks if (info := _failure_info(task)) and info.code != "TaskEnded"]
        own.sort(key=lambda task: str(task.execution_info and task.execution_info.end_time))
        attempt = attempt_of(run_id, str(job.id))
        return [Failure(str(task.display_name), self._why(run_id, attempt, task)) for task in own]

    def _why(self, run_id: str, attempt: int, task: "BatchTask") -> str:
        """The task's own last line where it ran, else what Batch says."""
        name = str(task.display_name)
        if task.execution_info and task.execution_info.exit_code is not None:
            last = self._last_line(log_name(run_id, attempt, name, "stderr"))
            return last if last.startswith("Task ") else f"Task {name} ended with exit code " + (
                f"{task.execution_info.exit_code}: {last or 'its container was stopped'}"
            )  # fmt: skip
        info: Any = _failure_info(task)
        details = [str(each.value) for each in info.details or [] if each.value]
        return f"Task {name} failed: {' '.join([str(info.message), *details])}"

    def _kept(self, name: str) -> str:
        blob = self.logs.get(name)
        return blob.data.decode(errors="replace") if blob else ""

    def _last_line(self, name: str) -> str:
        info = self.logs.info(name)
        if info is None or not info.size:
            return ""
        start = max(0, info.size - TAIL)
        text = self.logs.read(name, start, info.size - start, info.etag).decode(errors="replace")
        return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")

    def _so_far(self, run_id: str, task_id: str) -> dict[str, str]:
        """The streams of a task that is running, from its node."""
        from azure.core.exceptions import ResourceNotFoundError

        job, _ = self._newest(run_id)
        running = self._tasks(str(job.id), "state eq 'running'")
        found = next((str(task.id) for task in running if task.display_name == task_id), None)
        texts: dict[str, str] = {}
        for stream in ("stderr", "stdout") if found else ():
            place = (str(job.id), str(found), f"{stream}.txt")
            try:
                parts = self.account.call(partial(_file, place))
            except ResourceNotFoundError:
                continue
            texts[f"{task_id}.{attempt_of(run_id, str(job.id))}.{stream}"] = parts.decode(errors="replace")
        return texts

    def _waiting(self, job: "BatchJob", now: datetime) -> str:
        """Why nothing has begun yet; gives the run up where that has lasted too long."""
        seconds = (now - job.creation_time).total_seconds()
        reason = f"It waits for a node of the pool {_pool_of(job)}{self._pool_trouble(job)}."
        if seconds > self.settings.batch_start_seconds:
            limit = f"No task could start for {self.settings.batch_start_seconds} s (BATCH_START_SECONDS)."
            self._terminate(str(job.id), f"{observation.GAVE_UP}{limit} {reason}"[: observation.MAX_REASON])
        return reason

    def _pool_trouble(self, job: "BatchJob") -> str:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            pool = self.account.call(lambda client: client.get_pool(_pool_of(job)))
        except ResourceNotFoundError:
            return ", which does not exist any more"
        troubles = [f"{error.code}: {error.message}" for error in pool.resize_errors or []]
        if pool.auto_scale_run and pool.auto_scale_run.error:
            troubles.append(f"its formula fails: {pool.auto_scale_run.error.message}")
        return f" ({'; '.join(trouble.rstrip('.') for trouble in troubles)})" if troubles else ""

    def _terminate(self, job: str, reason: str) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            self.account.terminate(job, reason)
        except (ResourceExistsError, ResourceNotFoundError):  # it has ended already
            return


def _add_group(job: str, body: Any, client: "BatchClient") -> Any:
    return client.create_task_collection(job, body)


def _file(place: tuple[str, str, str], client: "BatchClient") -> bytes:
    return b"".join(client.download_task_file(*place))


def _pool_of(job: "BatchJob") -> str:
    return str(job.pool_info.pool_id)


def _failure_info(task: "BatchTask") -> Any:
    return task.execution_info.failure_info if task.execution_info else None


def _to_add_again(group: Sequence[Body], results: Sequence[Any]) -> list[Body]:
    """The tasks that the service failed to add; raises InvalidInput for those that it never will."""
    again = set()
    for result in results:
        code = str(getattr(result.error, "code", ""))
        if result.status == "servererror":
            again.add(result.task_id)
        elif result.status == "clienterror" and code != "TaskExists":
            said = getattr(getattr(result.error, "message", None), "value", "")
            raise InvalidInput(f"Azure Batch does not take task {result.task_id}: {code}: {said}")
    return [body for body in group if body["id"] in again]


def _cannot_create(error: "HttpResponseError") -> Exception:
    code = code_of(error)
    if re.search("BeingDeleted|Quota", code):
        return Transient(f"Azure Batch cannot take a job now ({code}).", "It is tried again later.")
    if error.status_code == 409:
        return InvalidInput(f"Azure Batch cannot take the job: {code}.", "Check BATCH_POOL.")
    return refused(error)
