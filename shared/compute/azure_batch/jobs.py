"""What the account says of a run's jobs and their tasks, and how a job is ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.compute.azure_batch.account import BatchAccount
from shared.compute.azure_batch.observation import Counts
from shared.compute.names import attempt_of, job_prefix
from shared.errors import NotFound

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchJob, BatchTask

FAILURES_READ = 100
TIMED = 5000
"""Tasks whose times are read: five requests, however large a run is."""
_ENDED = "state eq 'completed' and executionInfo/result eq "


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of an account."""

    account: BatchAccount

    def newest(self, run_id: str) -> tuple["BatchJob", datetime]:
        """The job of the run's last attempt, and the time by the service's clock; raises NotFound."""
        heard: dict[str, str] = {}
        condition = f"startswith(id,'{job_prefix(run_id)}')"

        def ask(client: "BatchClient") -> "list[BatchJob]":
            def hear(response: Any) -> None:
                heard.update({name.lower(): value for name, value in response.http_response.headers.items()})

            return list(client.list_jobs(filter=condition, raw_response_hook=hear))

        found = {attempt_of(run_id, str(job.id)): job for job in self.account.call(ask)}
        newest = max(found, default=0)
        if not newest or found[newest].state == "deleting":
            raise NotFound(f"Azure Batch has no job of run {run_id}.", "It was deleted, or never submitted.")
        return found[newest], parsedate_to_datetime(heard["date"]) if "date" in heard else datetime.now(UTC)

    def succeeded(self, job_id: str) -> set[str]:
        """The names of a job's tasks that succeeded; none where the job is not there."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return {str(task.display_name) for task in self._tasks(job_id, f"{_ENDED}'success'")}
        except ResourceNotFoundError:
            return set()

    def failed(self, job_id: str, *, all_of_them: bool) -> "list[BatchTask]":
        """The tasks that failed by themselves, first one first; those that the job's end stopped are left out.

        Optional ones come last, and only with `all_of_them`.
        """
        tasks = self._tasks(job_id, f"{_ENDED}'failure'", FAILURES_READ)
        own = [task for task in tasks if (info := failure_info(task)) and info.code != "TaskEnded"]
        told = own if all_of_them else [task for task in own if not _optional(task)]
        return sorted(
            told, key=lambda task: (_optional(task), str(task.execution_info and task.execution_info.end_time))
        )

    def running(self, job_id: str) -> "list[BatchTask]":
        """The tasks that are on a node now."""
        return self._tasks(job_id, "state eq 'running'")

    def counts(self, job: "BatchJob") -> Counts:
        """The run's tasks by state."""
        found = self.account.call(lambda client: client.get_job_task_counts(str(job.id))).task_counts
        facts = {str(item.name): str(item.value) for item in job.metadata or []}
        done = int(facts.get("done", 0))
        return Counts(int(facts.get("tasks", 0)), found.succeeded + done, found.failed, found.running, done)

    def task_seconds(self, job_id: str) -> float:
        """The time that all tasks of a job took together; of very many, as those took that were looked at."""
        ended = self._tasks(job_id, "state eq 'completed'", TIMED)
        spans = [(info.start_time, info.end_time) for task in ended if (info := task.execution_info)]
        seconds = sum((end - start).total_seconds() for start, end in spans if start and end)
        if len(ended) < TIMED:
            return seconds
        found = self.account.call(lambda client: client.get_job_task_counts(job_id)).task_counts
        return seconds * found.completed / len(ended)

    def file(self, job_id: str, task_id: str, name: str) -> str | None:
        """A file of a task as it is on its node now, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            data = self.account.call(lambda client: b"".join(client.download_task_file(job_id, task_id, name)))
        except ResourceNotFoundError:
            return None
        return data.decode(errors="replace")

    def pool_trouble(self, pool_id: str) -> str:
        """What keeps a pool from having nodes, as far as it says; empty where it says nothing."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            pool = self.account.call(lambda client: client.get_pool(pool_id))
        except ResourceNotFoundError:
            return "it does not exist any more"
        troubles = [f"{error.code}: {error.message}" for error in pool.resize_errors or []]
        if pool.auto_scale_run and pool.auto_scale_run.error:
            troubles.append(f"its formula fails: {pool.auto_scale_run.error.message}")
        return "; ".join(trouble.rstrip(".") for trouble in troubles)

    def end(self, job_id: str, reason: str) -> None:
        """Have a job ended; one that has ended already, or is not there, stays as it is."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            self.account.terminate(job_id, reason)
        except (ResourceExistsError, ResourceNotFoundError):
            return

    def _tasks(self, job_id: str, condition: str, most: int | None = None) -> "list[BatchTask]":
        chosen = ["id", "displayName", "executionInfo", "exitConditions"]

        def ask(client: "BatchClient") -> "Iterator[BatchTask]":
            return islice(client.list_tasks(job_id, filter=condition, select=chosen), most)

        return self.account.call(lambda client: list(ask(client)))


def _optional(task: "BatchTask") -> bool:
    default = task.exit_conditions.default if task.exit_conditions else None
    return default is not None and default.job_action == "none"


def failure_info(task: "BatchTask") -> Any:
    """What Batch says of a task that failed."""
    return task.execution_info.failure_info if task.execution_info else None
