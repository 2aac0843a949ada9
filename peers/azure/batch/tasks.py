"""What can be asked of tasks and their files."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec

from peers.azure.batch.describe import as_listed, describe_task, etag, stamp
from peers.azure.batch.jobs import Jobs
from peers.azure.batch.listing import answer_list, selected
from peers.azure.batch.refusals import error_body, invalid, refusal
from peers.azure.batch.scheduler import Scheduler
from peers.azure.batch.state import Account, Body, Job, Task
from peers.azure.clock import http_date
from peers.azure.exchange import Answer, Refusal, Request

GROUP = 100
DEPENDENCY_CHARS = 64_000


class Tasks:
    """The operations on tasks. Of the next tasks to be added, so many are refused, or taken and lost."""

    def __init__(self, account: Account, jobs: Jobs, scheduler: Scheduler) -> None:
        self._account = account
        self._jobs = jobs
        self._scheduler = scheduler
        self.server_errors = 0
        self.client_errors = 0
        self.lost = 0

    def add(self, request: Request, jobId: str) -> Answer:  # noqa: N803 - the contract's own name
        job, body = self._jobs.open(jobId), request.json()
        if problem := self._problem(job, body):
            raise problem
        task = self._added(job, body)
        place = f"{self._account.url}/jobs/{job.id}/tasks/{task.id}"
        return Answer(201, None, _edition(task) | {"location": place, "dataserviceid": place})

    def add_group(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self._jobs.open(jobId)
        bodies = request.json()["value"]
        if len(bodies) > GROUP:
            raise invalid("value", len(bodies), f"The number of tasks cannot exceed {GROUP}")
        results = [self._result(job, body) for body in bodies]
        return Answer(200, {"value": [*results[1:], *results[:1]]})  # in another order than they were sent

    def _result(self, job: Job, body: Body) -> Body:
        place = f"{self._account.url}/jobs/{job.id}/tasks/{body['id']}"
        status, refused = "ClientError", self._problem(job, body)
        if self.server_errors:
            self.server_errors -= 1
            status, refused = "ServerError", refusal(503, "ServerBusy")
        if refused:
            error = error_body(refused.code, refused.message, refused.details, self._account.clock.now())
            link = {"error@odata.navigationLinkUrl": f"{place}/error"}
            return link | {"error": error, "status": status, "taskId": body["id"]}
        task = self._added(job, body)
        edition = {"eTag": etag(task.modified), "lastModified": stamp(task.modified), "location": place}
        return {"status": "Success", "taskId": task.id} | edition

    def _added(self, job: Job, body: Body) -> Task:
        task = Task(body["id"], msgspec.json.encode(body), self._account.clock.now())
        if self.lost:
            self.lost -= 1
            return task
        job.tasks[task.id.lower()] = task
        self._scheduler.added(job, task, _needs(body))
        return task

    def _problem(self, job: Job, body: Body) -> Refusal | None:
        if body["id"].lower() in job.tasks:
            return refusal(409, "TaskExists")
        if self.client_errors:
            self.client_errors -= 1
            return invalid("commandLine", "", "It is not taken")
        needed = body.get("dependsOn")
        if needed and not job.body.get("usesTaskDependencies"):
            return refusal(400, "UnsupportedProperty", PropertyName="dependsOn")
        if needed and sum(map(len, needed.get("taskIds", []))) > DEPENDENCY_CHARS:
            return invalid("dependsOn.taskIds", "", f"The ids are longer than {DEPENDENCY_CHARS} together")
        pool = self._account.pools.get(job.pool_id.lower())
        unknown = {each.lower() for each in _identities(body)} - (pool.identities() if pool else set())
        if pool and unknown:
            return invalid("identityReference", min(unknown), f"The pool has no identity {min(unknown)}")
        return None

    def get(self, request: Request, jobId: str, taskId: str) -> Answer:  # noqa: N803
        job, task = self.find(jobId, taskId)
        shown = selected(request, describe_task(self._account, job, task))
        return Answer(200, shown, _edition(task), partial="$select" in request.query)

    def list(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self._jobs.find(jobId)
        return answer_list(request, (as_listed(self._account, job, task) for task in job.tasks.values()))

    def terminate(self, request: Request, jobId: str, taskId: str) -> Answer:  # noqa: N803
        job, task = self.find(jobId, taskId)
        if task.state == "completed":
            raise refusal(409, "TaskCompleted")
        task.modified = self._account.clock.now()
        self._scheduler.end_task(job, task)
        return Answer(204, None, _edition(task) | {"dataserviceid": f"{self._account.url}/{'/'.join(request.parts)}"})

    def reactivate(self, request: Request, jobId: str, taskId: str) -> Answer:  # noqa: N803
        job, task = self.find(jobId, taskId)
        self._jobs.open(jobId)
        if task.result != "failure":
            raise refusal(409, "OperationInvalidForCurrentState", Reason=f"The task is {task.state}")
        task.modified = self._account.clock.now()
        self._scheduler.reactivate(job, task)
        return Answer(204, None, _edition(task))

    def files(self, request: Request, jobId: str, taskId: str) -> Answer:  # noqa: N803
        _, task = self.find(jobId, taskId)
        folder = self._folder(task)
        paths = sorted(folder.rglob("*") if request.query.get("recursive") == "true" else folder.glob("*"))
        url = f"{self._account.url}/jobs/{jobId}/tasks/{taskId}/files"
        return answer_list(request, (_described(url, folder, path) for path in paths))

    def file(self, request: Request, jobId: str, taskId: str, filePath: str) -> Answer:  # noqa: N803
        _, task = self.find(jobId, taskId)
        path = _inside(self._folder(task), filePath)
        if path is None or not path.is_file():
            raise refusal(404, "FileNotFound")
        return Answer(200, path.read_bytes(), _file_headers(f"{self._account.url}/{'/'.join(request.parts)}", path))

    def find(self, job_id: str, task_id: str) -> tuple[Job, Task]:
        """The task and its job; raises Refusal."""
        job = self._jobs.find(job_id)
        task = job.tasks.get(task_id.lower())
        if task is None:
            raise refusal(404, "TaskNotFound")
        return job, task

    def _folder(self, task: Task) -> Path:
        """Where its files are; raises Refusal where its node does not show them."""
        if task.state == "active" or task.node is None or task.folder is None:
            reason = f"The files of the specified task cannot be accessed as the task state is still {task.state}"
            raise refusal(409, "OperationInvalidForCurrentState", Reason=reason)
        if task.node.leaving or task.node.preempted:
            raise refusal(409, "NodeNotReady")
        return task.folder


def _edition(task: Task) -> dict[str, str]:
    return {"etag": etag(task.modified), "last-modified": http_date(task.modified)}


def _described(url: str, folder: Path, path: Path) -> Body:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"name": name, "url": f"{url}/{name}", "isDirectory": True}
    held = path.stat()
    changed = stamp(datetime.fromtimestamp(held.st_mtime, UTC))
    properties = {"creationTime": changed, "lastModified": changed, "contentLength": str(held.st_size)}
    properties |= {"contentType": "text/plain", "fileMode": f"0o{held.st_mode:o}"}
    return {"name": name, "url": f"{url}/{name}", "isDirectory": False, "properties": properties}


def _file_headers(url: str, path: Path) -> dict[str, str]:
    held = path.stat()
    changed = http_date(datetime.fromtimestamp(held.st_mtime, UTC))
    return {
        "content-type": "text/plain",
        "last-modified": changed,
        "ocp-creation-time": changed,
        "ocp-batch-file-isdirectory": "False",
        "ocp-batch-file-mode": f"0o{held.st_mode:o}",
        "ocp-batch-file-url": quote(url, safe=""),
    }


def _needs(body: Body) -> list[str]:
    wanted = body.get("dependsOn", {})
    ranges = (range(each["start"], each["end"] + 1) for each in wanted.get("taskIdRanges", []))
    return [*wanted.get("taskIds", []), *(str(number) for each in ranges for number in each)]


def _identities(body: Body) -> Iterator[str]:
    places = [file["destination"].get("container", {}) for file in body.get("outputFiles", [])]
    places.append(body.get("containerSettings", {}).get("registry", {}))
    return (place["identityReference"]["resourceId"] for place in places if "identityReference" in place)


def _inside(folder: Path, name: str) -> Path | None:
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) else None
