"""What the account says of a run's jobs and their tasks, and how a job is ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from shared.compute.azure import folded, service_message
from shared.compute.azure_batch.account import BatchAccount
from shared.compute.azure_batch.observation import Counts, Outcomes
from shared.compute.names import attempt_of, job_prefix
from shared.errors import NotFound, TallyError

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.batch.models import BatchJob, BatchPool, BatchTask

BROKEN = ("unusable", "starttaskfailed")
"""States of a node that takes no tasks until somebody mends it."""
_COMPLETED = "state eq 'completed'"
_CHOSEN = ["id", "displayName", "state", "executionInfo", "exitConditions"]


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of an account."""

    account: BatchAccount

    def newest(self, run_id: str, attempt: int = 1) -> tuple["BatchJob", datetime]:
        """The job of the run's last attempt, and the time by the service's clock; raises NotFound.

        The job of an attempt before this one says nothing of it: somebody may have deleted its own.
        """
        heard: dict[str, str] = {}
        condition = f"startswith(id,'{job_prefix(run_id)}')"

        def ask(client: "BatchClient") -> "list[BatchJob]":
            def hear(response: Any) -> None:
                heard.update({name.lower(): value for name, value in response.http_response.headers.items()})

            return list(client.list_jobs(filter=condition, raw_response_hook=hear))

        found = {attempt_of(run_id, str(job.id)): job for job in self.account.call(ask)}
        newest = max(found, default=0)
        if newest < attempt or folded(found[newest].state) == "deleting":
            raise NotFound(f"Azure Batch has no job of run {run_id}.", "It was deleted, or never submitted.")
        return found[newest], parsedate_to_datetime(heard["date"]) if "date" in heard else datetime.now(UTC)

    def succeeded(self, job_id: str) -> set[str]:
        """The names of a job's tasks that succeeded; none where the job is not there."""
        try:
            return {
                str(task.display_name)
                for task in self._tasks(job_id, f"{_COMPLETED} and executionInfo/result eq 'success'")
            }
        except NotFound:
            return set()

    def outcomes(self, job_id: str) -> Outcomes:
        """How the job's tasks ended, as far as they are listed: one request per thousand."""

        def ask(client: "BatchClient") -> Outcomes:
            seen = Outcomes()
            for task in client.list_tasks(job_id, filter=_COMPLETED, select=_CHOSEN):
                seen.add(task)
            return seen

        return self._asked(job_id, ask)

    def running(self, job_id: str) -> "list[BatchTask]":
        """The tasks that are on a node now."""
        return self._tasks(job_id, "state eq 'running'")

    def at_work(self, job_id: str) -> bool:
        """Whether any task is on a node, by its own word: the counts can be minutes behind."""
        return any(self._tasks(job_id, f"state eq '{state}'", most=1) for state in ("running", "preparing"))

    def changes(self, job: "BatchJob") -> list[datetime]:
        """When each listed task was added, began, ended, or went back to waiting because its node was taken away."""

        def ask(client: "BatchClient") -> list[datetime]:
            tasks = client.list_tasks(str(job.id), select=["id", "stateTransitionTime"])
            return [each.state_transition_time or job.creation_time for each in tasks]

        return self._asked(str(job.id), ask)

    def counts(self, job: "BatchJob") -> Counts:
        """The run's tasks by state, as counted."""
        found = self._asked(str(job.id), lambda client: client.get_job_task_counts(str(job.id))).task_counts
        total, done = planned(job)
        succeeded, failed, running = (
            getattr(found, name, None) or 0 for name in ("succeeded", "failed", "running")
        )  # what is not told is counted later
        return Counts(total, succeeded + done, failed, running, done)

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

    def node_trouble(self, pool_id: str) -> str:
        """Why a node of the pool takes no tasks; empty where none says so, or the identity may not ask."""
        from azure.core.exceptions import HttpResponseError

        chosen = ["id", "state", "errors", "startTaskInfo"]
        try:
            nodes = self.account.call(lambda client: list(client.list_nodes(pool_id, select=chosen)))
        except (TallyError, HttpResponseError):
            return ""
        broken = next((node for node in nodes if folded(node.state) in BROKEN), None)
        if broken is None:
            return ""
        causes = [*(broken.errors or []), broken.start_task_info and broken.start_task_info.failure_info]
        said = "; ".join(service_message(cause) for cause in causes if cause)
        return f"a node is {folded(broken.state)}{f': {said}' if said else ''}"

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

        return self._asked(job_id, ask)

    def _asked[T](self, job_id: str, act: Callable[["BatchClient"], T]) -> T:
        """What `act` returns; raises NotFound where the job was deleted meanwhile, else as `call` does."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self.account.call(act)
        except ResourceNotFoundError as error:
            raise NotFound(f"Azure Batch has no job {job_id}.", "Somebody deleted it.") from error


def planned(job: "BatchJob") -> tuple[int, int]:
    """How many tasks the job's run has, and how many of them earlier attempts had done.

    One that does not say has a task at least: nothing is done by a job without any.
    """
    facts = {str(item.name): str(item.value) for item in job.metadata or []}
    return int(facts.get("tasks", 1)), int(facts.get("done", 0))


def pool_trouble(pool: "BatchPool | None") -> str:
    """What keeps a pool from having nodes, as far as it says; empty where it says nothing."""
    if pool is None:
        return "it does not exist any more"
    troubles = ["it is being deleted"] if folded(pool.state) == "deleting" else []
    troubles += [service_message(error) for error in pool.resize_errors or []]
    if pool.auto_scale_run and pool.auto_scale_run.error:
        troubles.append(f"its formula fails: {service_message(pool.auto_scale_run.error)}")
    return "; ".join(troubles)
