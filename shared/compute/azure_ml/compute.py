"""Compute on Azure Machine Learning: the four verbs, each safe to repeat and to be raced by another instance."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.compute import Phase, Status, Task
from shared.compute.azure_ml.definitions import Environment, Submission, cluster, cluster_part
from shared.compute.azure_ml.notes import Head, Marks, Notes
from shared.compute.azure_ml.workspace import Answer, Body, Refused, Workspace
from shared.compute.logs import kept, shown
from shared.compute.names import job_id
from shared.errors import NotFound, SettingsError
from shared.settings import Settings
from shared.storage import BlobStore
from shared.telemetry import log

WAITING = frozenset({"NotStarted", "Starting", "Provisioning", "Preparing", "Queued"})
ENDED = frozenset({"Completed", "Failed", "Canceled"})
MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class AzureMLCompute:
    """Compute in a workspace; `notes` and `logs` are containers of the control account that jobs share with the app."""

    settings: Settings
    notes: BlobStore
    logs: BlobStore
    workspace: Workspace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "workspace", Workspace(self.settings.aml_workspace, self.settings.aml_endpoint))

    def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
        notes = Notes(self.notes, run_id)
        if attempt > 1:  # what was given up on may still run
            notes.stop(attempt - 1)
            self.workspace.cancel(job_id(run_id, attempt - 1))
        submission = Submission(self.settings, run_id, notes.take(attempt, tasks))
        order = submission.order
        if order.attempt > attempt or not order.width() or notes.marks(attempt).stopped:
            return
        if self.workspace.get(f"jobs/{submission.job_id}") is None and self._prepared(submission):
            self._create(submission)
            if notes.marks(attempt).stopped:  # somebody cancelled it meanwhile
                self.workspace.cancel(submission.job_id)

    def status(self, run_id: str) -> Status:
        notes = Notes(self.notes, run_id)
        head = notes.head()
        if head is None:
            raise NotFound(f"Azure Machine Learning has no job of run {run_id}.", "It was never submitted.")
        job = self.workspace.get(f"jobs/{job_id(run_id, head.attempt)}")
        marks = notes.marks(head.attempt)  # after the job: what it noted before its end is there
        seen = self._seen(notes, head, job, marks)
        if job is None or seen.phase is Phase.RUNNING or not self.settings.node_price:
            return seen
        return replace(seen, task_seconds=self._rank_seconds(job_id(run_id, head.attempt), job, marks))

    def _seen(self, notes: Notes, head: Head, job: Answer | None, marks: Marks) -> Status:
        """How the newest attempt stands, by its job and what that noted."""
        ready = marks.of("done")
        done, spared = head.done + len(ready), [task for task in marks.of("spared") if task not in ready]
        failed = marks.of("failed") + spared
        if done + len(spared) >= head.tasks:
            return Status(Phase.SUCCEEDED, head.tasks, done, len(spared))
        state = str(job.body["properties"].get("status")) if job else ""
        if job is None or state in ENDED:
            phase, reason = self._ending(notes, head, marks, state)
            return Status(phase, head.tasks, done, len(failed), reason)
        if marks.stopped and state != "CancelRequested":  # the request to cancel it was lost
            self.workspace.cancel(job_id(notes.run, head.attempt))
        reason = self._waiting(notes, head, marks, job) if state in WAITING and not marks.stopped else ""
        return Status(Phase.RUNNING, head.tasks, done, len(failed), reason)

    def cancel(self, run_id: str) -> None:
        notes = Notes(self.notes, run_id)
        head = notes.head()
        if head is not None:
            notes.stop(head.attempt)
            self.workspace.cancel(job_id(run_id, head.attempt))

    def log(self, run_id: str, task_id: str) -> str:
        return shown(run_id, task_id, kept(self.logs, run_id, task_id))

    def _prepared(self, submission: Submission) -> bool:
        """See that the job's environment and its cluster exist; False where the cluster is still being made."""
        environment = Environment.of(self.settings, submission.image)
        if self.workspace.get(environment.part) is None:
            self.workspace.put(environment.part, environment.body)
        part = cluster_part(self.settings, submission.image)
        found = self.workspace.get(part) or self._made(part, submission.image)
        state = found.body["properties"].get("provisioningState", "Succeeded")
        if state in ("Failed", "Canceled"):
            raise SettingsError(
                f"The cluster {part} of the workspace is {state}{_trouble(found)}.", "Mend or remove it."
            )
        return state not in ("Creating", "Deleting")

    def _made(self, part: str, image: str) -> Answer:
        place = self.workspace.get("")
        body = cluster(self.settings, image, str(place.body.get("location", "")) if place else "")
        if body is None:
            raise SettingsError(
                f"The workspace has no {part}.", "Make it, or set AML_VM_SIZE, so that the app makes one."
            )
        log("cluster created", cluster=part, size=body["properties"]["properties"]["vmSize"])
        return self.workspace.put(part, body)

    def _create(self, submission: Submission) -> None:
        try:
            self.workspace.put(f"jobs/{submission.job_id}", submission.job())
        except Refused:  # a job cannot be changed: another instance may have made it
            if self.workspace.get(f"jobs/{submission.job_id}") is None:
                raise
            return
        log("job created", run=submission.run_id, job=submission.job_id, tasks=len(submission.order.tasks))

    def _ending(self, notes: Notes, head: Head, marks: Marks, state: str) -> tuple[Phase, str]:
        """How a run ended whose job is at its end, or gone, without all tasks done; raises NotFound for one gone."""
        if state != "Canceled" and (failed := marks.of("failed")):
            return Phase.FAILED, notes.text(head.attempt, f"failed/{failed[0]}")
        job = job_id(notes.run, head.attempt)
        if marks.stopped and state in ("Canceled", ""):
            reason = notes.text(head.attempt, "stop")
            return (Phase.FAILED, reason) if reason else (Phase.CANCELLED, "")
        if not state:
            raise NotFound(f"Azure Machine Learning has no job {job}.", "It is being prepared, or somebody deleted it.")
        details = self.workspace.details(job)
        if state == "Canceled":
            return self._cancelled(job, details)
        said = _error(details) or "it does not say why"
        return Phase.FAILED, f"Its job {job} ended as {state} before all tasks were done: {said}"[:MAX_REASON]

    def _cancelled(self, job: str, details: Body) -> tuple[Phase, str]:
        """How a run ended whose job was cancelled, but not by the app: the service cancels what takes too long."""
        limit = self.settings.aml_job_seconds
        if not details:
            why = f"by somebody, or for taking longer than {limit} s (AML_JOB_SECONDS): its history cannot be read"
            return Phase.CANCELLED, f"Its job {job} was cancelled in Azure Machine Learning {why}."
        if _seconds(details) < limit:
            return Phase.CANCELLED, f"Somebody cancelled its job {job} in Azure Machine Learning."
        return Phase.FAILED, f"Stopped: still running after {limit} s (AML_JOB_SECONDS)."

    def _rank_seconds(self, name: str, job: Answer, marks: Marks) -> float:
        """The time of all ranks of a job together, from its start to its last mark: nodes are paid for as long."""
        started, properties = self.workspace.details(name).get("startTimeUtc"), job.body["properties"]
        ends = [info.modified for info in marks.blobs.values()]
        if not started or not ends:
            return 0.0
        ranks = int(properties["resources"]["instanceCount"])
        ranks *= int((properties.get("distribution") or {}).get("processCountPerInstance") or 1)
        return max(0.0, (max(ends) - datetime.fromisoformat(started)).total_seconds()) * ranks

    def _waiting(self, notes: Notes, head: Head, marks: Marks, job: Answer) -> str:
        """Why nothing runs; has the attempt ended where that has lasted too long."""
        limit = self.settings.aml_start_seconds
        now = parsedate_to_datetime(job.headers["Date"]) if "Date" in job.headers else datetime.now(UTC)
        created = datetime.fromisoformat(job.body.get("systemData", {}).get("createdAt") or now.isoformat())
        since = max([created, *(info.modified for info in marks.blobs.values())])
        name = str(job.body["properties"].get("computeId", "")).rpartition("/")[2]
        found = self.workspace.get(f"computes/{name}")
        trouble = _trouble(found) if found else ", which does not exist any more"
        reason = f"It waits for nodes of the cluster {name}{trouble}."
        if (now - since).total_seconds() > limit:
            notes.stop(head.attempt, f"No task could start for {limit} s (AML_START_SECONDS). {reason}"[:MAX_REASON])
            self.workspace.cancel(job_id(notes.run, head.attempt))
        return reason


def _trouble(cluster: Answer) -> str:
    """What keeps a cluster from having nodes, in brackets, where it says so."""
    properties = cluster.body["properties"]
    held = [*(properties.get("provisioningErrors") or []), *(properties.get("properties", {}).get("errors") or [])]
    errors = [each.get("error") or {} for each in held]
    said = "; ".join(f"{error.get('code')}: {error.get('message')}".rstrip(".") for error in errors)
    return f" ({said})" if said else ""


def _error(details: Body) -> str:
    """The message of a job's error in the run history."""
    error = (details.get("error") or {}).get("error") or {}
    return ": ".join(str(error[name]) for name in ("code", "message") if error.get(name))


def _seconds(details: Body) -> float:
    """How long a job ran, by the run history."""
    moments = [details.get(name) for name in ("startTimeUtc", "endTimeUtc")]
    start, end = (datetime.fromisoformat(moment) if moment else None for moment in moments)
    return (end - start).total_seconds() if start and end else 0.0
