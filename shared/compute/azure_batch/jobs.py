"""What the account says of a run's jobs and their tasks, and how a job is ended."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.compute.azure import folded, service_message
from shared.compute.azure_batch.account import BatchAccount
from shared.compute.azure_batch.observation import Counts, Outcomes
from shared.compute.names import attempt_of, job_prefix
from shared.errors import NotFound

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchJob, BatchPool, BatchTask

_COMPLETED = "state eq 'completed'"
_CHOSEN = ["id", "displayName", "state", "executionInfo", "exitConditions"]


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
        if not newest or folded(found[newest].state) == "deleting":
            raise NotFound(f"Azure Batch has no job of run {run_id}.", "It was deleted, or never submitted.")
        return found[newest], parsedate_to_datetime(heard["date"]) if "date" in heard else datetime.now(UTC)

    def succeeded(self, job_id: str) -> set[str]:
        """The names of a job's tasks that succeeded; none where the job is not there."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return {
                str(task.display_name)
                for task in self._tasks(job_id, f"{_COMPLETED} and executionInfo/result eq 'success'")
            }
        except ResourceNotFoundError:
            return set()

    def outcomes(self, job_id: str) -> Outcomes:
        """How the job's tasks ended, as far as they are listed: one request per thousand."""

        def ask(client: "BatchClient") -> Outcomes:
            seen = Outcomes()
            for task in client.list_tasks(job_id, filter=_COMPLETED, select=_CHOSEN):
                seen.add(task)
            return seen

        return self.account.call(ask)

    def running(self, job_id: str) -> "list[BatchTask]":
        """The tasks that are on a node now."""
        return self._tasks(job_id, "state eq 'running'")

    def has_begun(self, job_id: str) -> bool:
        """Whether any task is or was on a node, by its own word: the counts can be minutes behind."""
        states = ("running", "preparing", "completed")
        return any(self._tasks(job_id, f"state eq '{state}'", most=1) for state in states)

    def counts(self, job: "BatchJob") -> Counts:
        """The run's tasks by state, as counted."""
        found = self.account.call(lambda client: client.get_job_task_counts(str(job.id))).task_counts
        total, done = planned(job)
        return Counts(total, found.succeeded + done, found.failed, found.running, done)

    def file(self, job_id: str, task_id: str, name: str) -> str | None:
        """A file of a task as it is on its node now, or None."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            return self.account.file(job_id, task_id, name).decode(errors="replace")
        except (ResourceNotFoundError, ResourceExistsError):  # a conflict: not on a node yet, or not any more
            return None

    def pool(self, pool_id: str) -> "BatchPool | None":
        """A pool, or None where there is none of the name."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self.account.call(lambda client: client.get_pool(pool_id))
        except ResourceNotFoundError:
            return None

    def end(self, job_id: str, reason: str) -> None:
        """Have a job ended; one that has ended already, or is not there, stays as it is."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            self.account.terminate(job_id, reason)
        except (ResourceExistsError, ResourceNotFoundError):
            return

    def _tasks(self, job_id: str, condition: str, most: int | None = None) -> "list[BatchTask]":
        def ask(client: "BatchClient") -> "list[BatchTask]":
            return list(islice(client.list_tasks(job_id, filter=condition, select=_CHOSEN, max_results=most), most))

        return self.account.call(ask)


def planned(job: "BatchJob") -> tuple[int, int]:
    """How many tasks the job's run has, and how many of them earlier attempts had done."""
    facts = {str(item.name): str(item.value) for item in job.metadata or []}
    return int(facts.get("tasks", 0)), int(facts.get("done", 0))


def pool_trouble(pool: "BatchPool | None") -> str:
    """What keeps a pool from having nodes, as far as it says; empty where it says nothing."""
    if pool is None:
        return "it does not exist any more"
    troubles = [service_message(error) for error in pool.resize_errors or []]
    if pool.auto_scale_run and pool.auto_scale_run.error:
        troubles.append(f"its formula fails: {service_message(pool.auto_scale_run.error)}")
    return "; ".join(troubles)
