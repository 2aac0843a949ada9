"""What can be asked of tasks and their files."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from devhost.contract.batch.jobs import OPEN, Jobs
from devhost.contract.batch.listing import answer_list
from devhost.contract.batch.scheduler import Scheduler
from devhost.contract.batch.state import Account, Body, Job, Task, describe_task
from devhost.contract.clock import stamp
from devhost.contract.exchange import Answer, Refusal, Request

GROUP = 100
DEPENDENCY_CHARS = 64_000


class Tasks:
    """The operations on tasks."""

    def __init__(self, account: Account, jobs: Jobs, scheduler: Scheduler) -> None:
        self._account = account
        self._jobs = jobs
        self._scheduler = scheduler
        self.server_errors = 0  # tasks that are yet to be refused for no fault of theirs

    def add_group(self, request: Request, jobId: str) -> Answer:  # noqa: N803 - the contract's own name
        job = self._jobs.find(jobId)
        if job.state not in OPEN:
            code = "JobCompleted" if job.state == "completed" else "JobTerminating"
            raise Refusal(409, code, f"The job is {job.state}.")
        bodies = request.json()["value"]
        if len(bodies) > GROUP:
            raise Refusal(400, "TooManyTasks", f"{len(bodies)} tasks; {GROUP} is the limit.")
        return Answer(200, {"value": [self._add(job, body) for body in bodies]})

    def _add(self, job: Job, body: Body) -> Body:
        where = f"{self._account.url}/jobs/{job.id}/tasks/{body['id']}"
        if self.server_errors:
            self.server_errors -= 1
            busy = {"code": "ServerBusy", "message": {"lang": "en-US", "value": "The server is busy."}}
            return {"status": "servererror", "taskId": body["id"], "error": busy, "location": where}
        refusal = self._problem(job, body)
        if refusal:
            code, message = refusal
            error = {"code": code, "message": {"lang": "en-US", "value": message}}
            return {"status": "clienterror", "taskId": body["id"], "error": error, "location": where}
        now = self._account.clock.now()
        task = Task(body["id"], msgspec.json.encode(body), now, now)
        job.tasks[task.id.lower()] = task
        self._scheduler.added(job, task, _needs(body))
        shown = {"eTag": f"0x{int(now.timestamp() * 1e6):X}", "lastModified": stamp(now), "location": where}
        return {"status": "success", "taskId": task.id} | shown

    def _problem(self, job: Job, body: Body) -> tuple[str, str] | None:
        if body["id"].lower() in job.tasks:
            return "TaskExists", "The specified task already exists."
        needed = body.get("dependsOn")
        if needed and not job.body.get("usesTaskDependencies"):
            return "TaskDependenciesNotSpecifiedOnJob", "The job does not use task dependencies."
        if needed and sum(map(len, needed.get("taskIds", []))) > DEPENDENCY_CHARS:
            return "InvalidPropertyValue", "The ids that the task depends on are too long together."
        pool = self._account.pools[job.pool_id.lower()]
        contained = "containerConfiguration" in pool.body.get("virtualMachineConfiguration", {})
        if contained != ("containerSettings" in body):
            return "InvalidPropertyValue", "Tasks run in containers where their pool does, and only there."
        unknown = {each.lower() for each in _identities(body)} - pool.identities()
        if unknown:
            return "InvalidPropertyValue", f"The pool has no identity {min(unknown)}."
        return None

    def get(self, request: Request, jobId: str, taskId: str) -> Answer:  # noqa: N803
        job, task = self.find(jobId, taskId)
        return Answer(200, describe_task(self._account, job, task))

    def list(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self._jobs.find(jobId)
        return answer_list(request, (describe_task(self._account, job, task) for task in job.tasks.values()))

    def terminate(self, request: Request, jobId: str, taskId: str) -> Answer:  # noqa: N803
        job, task = self.find(jobId, taskId)
        self._scheduler.end_task(job, task)
        return Answer(204)

    def file(self, request: Request, jobId: str, taskId: str, filePath: str) -> Answer:  # noqa: N803
        _, task = self.find(jobId, taskId)
        path = _inside(task.folder, filePath)
        if path is None or not path.is_file():
            raise Refusal(404, "FileNotFound", "The specified file does not exist.")
        return Answer(200, path.read_bytes(), {"content-type": "application/octet-stream"})

    def find(self, job_id: str, task_id: str) -> tuple[Job, Task]:
        """The task and its job; raises Refusal."""
        job = self._jobs.find(job_id)
        task = job.tasks.get(task_id.lower())
        if task is None:
            raise Refusal(404, "TaskNotFound", "The specified task does not exist.")
        return job, task


def _needs(body: Body) -> list[str]:
    wanted = body.get("dependsOn", {})
    ranges = (range(each["start"], each["end"] + 1) for each in wanted.get("taskIdRanges", []))
    return [*wanted.get("taskIds", []), *(str(number) for each in ranges for number in each)]


def _identities(body: Body) -> Iterator[str]:
    places = [file["destination"].get("container", {}) for file in body.get("outputFiles", [])]
    places.append(body.get("containerSettings", {}).get("registry", {}))
    return (place["identityReference"]["resourceId"] for place in places if "identityReference" in place)


def _inside(folder: Path | None, name: str) -> Path | None:
    path = (folder / name).resolve() if folder else None
    return path if path and folder and path.is_relative_to(folder.resolve()) else None
