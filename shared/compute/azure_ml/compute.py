"""Compute on Azure Machine Learning: the four verbs, each safe to repeat and to be raced by another instance."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.clouds import resource_manager
from shared.compute import Node, Phase, Status, Task
from shared.compute.azure_ml import observation
from shared.compute.azure_ml.definitions import Environment, Submission, cluster, cluster_part
from shared.compute.azure_ml.notes import Head, Marks, Notes
from shared.compute.azure_ml.observation import ENDED, SILENT, WAITING, JobState
from shared.compute.azure_ml.workspace import Answer, Body, Workspace, hint
from shared.compute.logs import kept, shown
from shared.compute.names import job_id
from shared.errors import InvalidInput, NotFound, SettingsError
from shared.settings import Settings
from shared.storage import BlobStore
from shared.telemetry import log

MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class AzureMLCompute:
    """Compute in a workspace; `notes` and `logs` are containers of the control account that jobs share with the app."""

    settings: Settings
    notes: BlobStore
    logs: BlobStore
    workspace: Workspace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "workspace", Workspace(self.settings.aml_workspace, resource_manager(self.settings)))

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

    def status(self, run_id: str, attempt: int = 1) -> Status:
        notes = Notes(self.notes, run_id)
        head = notes.head()
        if head is None or head.attempt < attempt:
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
        if done + len(spared) >= head.tasks and notes.complete([*ready, *spared]):
            return Status(Phase.SUCCEEDED, head.tasks, done, len(spared))
        if job is None or self._over(job, marks):
            phase, reason = self._ending(notes, head, marks, JobState.of(job))
            return Status(phase, head.tasks, done, len(failed), reason)
        return Status(Phase.RUNNING, head.tasks, done, len(failed), self._standstill(notes, head, marks, job))

    def cancel(self, run_id: str) -> None:
        notes = Notes(self.notes, run_id)
        head = notes.head()
        if head is not None:
            notes.stop(head.attempt)
            self.workspace.cancel(job_id(run_id, head.attempt))

    def log(self, run_id: str, task_id: str) -> str:
        return shown(run_id, task_id, kept(self.logs, run_id, task_id))

    def _prepared(self, submission: Submission) -> bool:
        """See that the job's environment and its cluster exist; False while a cluster of that name is being removed."""
        environment = Environment.of(self.settings, submission.image.name)
        if self.workspace.get(environment.part) is None:
            self.workspace.put(environment.part, environment.body)
        part = cluster_part(self.settings, submission.image.name)
        found = self.workspace.get(part) or self._made(part, submission.image.node)
        if observation.is_state(found, "Failed", "Canceled"):
            state = observation.properties(found)["provisioningState"]
            said = f"The cluster {part} of the workspace is {state}{observation.trouble(found)}."
            raise SettingsError(said, hint(said) or "Mend or remove it.")
        return not observation.is_state(found, "Deleting")  # one that is being made takes jobs

    def _made(self, part: str, node: Node) -> Answer:
        place = self.workspace.get("")
        body = cluster(self.settings, node, str(place.body.get("location") or "") if place else "")
        if body is None:
            raise SettingsError(
                f"The workspace has no {part}.", "Make it, or set AML_VM_SIZE, so that the app makes one."
            )
        try:
            made = self.workspace.put(part, body)
        except InvalidInput:  # another instance, or a request without an answer, made it
            held = self.workspace.get(part)
            if held is None:
                raise
            return held
        log("cluster created", cluster=part, size=body["properties"]["properties"]["vmSize"])
        return made

    def _create(self, submission: Submission) -> None:
        try:
            self.workspace.put(f"jobs/{submission.job_id}", submission.job())
        except InvalidInput:  # a job cannot be changed: another instance, or a request without an answer, made it
            if self.workspace.get(f"jobs/{submission.job_id}") is None:
                raise
            return
        log("job created", run=submission.run_id, job=submission.job_id, tasks=len(submission.order.tasks))

    def _over(self, job: Answer, marks: Marks) -> bool:
        """Whether nothing more is awaited of a job: it ended, or was to end so long ago that nobody knows when it will.

        Its ranks stop by themselves. The service has been seen to be about to cancel a job for 40 hours.
        """
        stop, patience = marks.blobs.get("stop"), self.settings.aml_start_seconds
        asked = stop is not None and (observation.moment(job) - stop.modified).total_seconds() > patience
        return JobState.of(job) in ENDED or asked

    def _ending(self, notes: Notes, head: Head, marks: Marks, state: JobState) -> tuple[Phase, str]:
        """How a run ended whose job is over, or gone, without all tasks done; raises NotFound for one gone."""
        if state is not JobState.CANCELED and (failed := marks.of("failed")):
            return Phase.FAILED, notes.text(head.attempt, f"failed/{failed[0]}")
        if marks.stopped:
            reason = notes.text(head.attempt, "stop")
            return (Phase.FAILED, reason) if reason else (Phase.CANCELLED, "")
        job = job_id(notes.run, head.attempt)
        if state is JobState.GONE:
            raise NotFound(f"Azure Machine Learning has no job {job}.", "It is being prepared, or somebody deleted it.")
        details = self.workspace.details(job)
        if state is JobState.CANCELED:
            return self._cancelled(job, details)
        said = observation.failure(details) or "it does not say why"
        return Phase.FAILED, f"Its job {job} ended as {state} before all tasks were done: {said}"[:MAX_REASON]

    def _cancelled(self, job: str, details: Body) -> tuple[Phase, str]:
        """How a run ended whose job was cancelled, but not by the app: the service cancels what takes too long."""
        limit = self.settings.aml_job_seconds
        if not details:
            why = f"by somebody, or for taking longer than {limit} s (AML_JOB_SECONDS): its history cannot be read"
            return Phase.CANCELLED, f"Its job {job} was cancelled in Azure Machine Learning {why}."
        if observation.seconds(details) < limit:
            return Phase.CANCELLED, f"Somebody cancelled its job {job} in Azure Machine Learning."
        return Phase.FAILED, f"Stopped: still running after {limit} s (AML_JOB_SECONDS)."

    def _rank_seconds(self, name: str, job: Answer, marks: Marks) -> float:
        """The time of all ranks of a job together, from its start to its last mark: nodes are paid for as long."""
        started = self.workspace.details(name).get("startTimeUtc")
        ends = [info.modified for info in marks.blobs.values()]
        if not started or not ends:
            return 0.0
        return max(0.0, (max(ends) - observation.time_of(started)).total_seconds()) * observation.ranks(job)

    def _standstill(self, notes: Notes, head: Head, marks: Marks, job: Answer) -> str:
        """Why an open job does nothing, else empty; has the attempt ended where that has lasted too long."""
        state, name = JobState.of(job), job_id(notes.run, head.attempt)
        if marks.stopped:
            if state is not JobState.CANCEL_REQUESTED:  # the request to cancel it was lost, or refused
                self.workspace.cancel(name)
            return ""
        if state not in WAITING | SILENT:
            return ""
        reason = self._wait(job) if state in WAITING else f"Its job {name} is {state}: its nodes give no sign of life."
        limit = self.settings.aml_start_seconds
        since = max([observation.created(job), *(info.modified for info in marks.blobs.values())])
        if (observation.moment(job) - since).total_seconds() > limit:
            what = "No task could start" if state in WAITING else "No task went on"
            notes.stop(head.attempt, f"{what} for {limit} s (AML_START_SECONDS). {reason}"[:MAX_REASON])
            self.workspace.cancel(name)
        return reason

    def _wait(self, job: Answer) -> str:
        """What a job waits for."""
        if not (name := observation.cluster_of(job)):
            return "It waits for nodes."
        found = self.workspace.get(f"computes/{name}")
        said = observation.trouble(found) if found else ", which does not exist any more"
        reason = f"It waits for nodes of the cluster {name}{said}."
        return f"{reason} {hint(said)}".rstrip()
