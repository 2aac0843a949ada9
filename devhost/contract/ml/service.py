"""Azure Machine Learning as Resource Manager offers it: jobs, environments and clusters of one workspace."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devhost.contract.clock import Clock
from devhost.contract.exchange import Answer, Contract, Operation, Refusal, Request
from devhost.contract.ml.contract import contract_of
from devhost.contract.ml.execution import Executor, needs_shell
from devhost.contract.ml.scheduler import BOOT_SECONDS, Scheduler
from devhost.contract.ml.state import ENDED, Body, Cluster, Job, Workspace
from shared.clouds import cloud_of

BASE = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspaceName}"
)
TAKEN = "A job with this name already exists. If you are trying to submit a new job, use a different name."


@dataclass(slots=True)
class MachineLearningService:
    """One workspace. `speed` is how many times faster than in Azure the clusters' time passes."""

    clock: Clock
    url: str
    root: Path
    image_root: Path
    identity: Mapping[str, str]
    workspace_id: str
    contract: Contract = field(default_factory=contract_of)
    speed: float = 600.0
    resource: str = field(default_factory=lambda: cloud_of().resource_manager)
    workspace: Workspace = field(init=False)
    executor: Executor = field(init=False)
    scheduler: Scheduler = field(init=False)

    def __post_init__(self) -> None:
        self.workspace = Workspace(self.clock, self.workspace_id, self.url, self.root)
        self.executor = Executor(self.root, self.image_root, self.identity)
        self.scheduler = Scheduler(self.workspace, self.executor, self.speed)

    def operations(self) -> list[Operation]:
        version = f"{BASE}/environments/{{name}}/versions/{{version}}"
        return [
            Operation("GET", BASE, self.get_workspace),
            Operation("PUT", f"{BASE}/jobs/{{id}}", self.put_job),
            Operation("GET", f"{BASE}/jobs/{{id}}", self.get_job),
            Operation("DELETE", f"{BASE}/jobs/{{id}}", self.delete_job),
            Operation("POST", f"{BASE}/jobs/{{id}}/cancel", self.cancel_job),
            Operation("PUT", version, self.put_environment),
            Operation("GET", version, self.get_environment),
            Operation("PUT", f"{BASE}/computes/{{computeName}}", self.put_cluster),
            Operation("GET", f"{BASE}/computes/{{computeName}}", self.get_cluster),
        ]

    def refused(self, refusal: Refusal) -> Answer:
        details = [{"code": key, "message": value} for key, value in refusal.details.items()]
        return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message, "details": details}})

    async def live(self) -> None:
        await self.scheduler.live()

    def get_workspace(self, request: Request, **names: str) -> Answer:
        self._own(names)
        properties = {"discoveryUrl": f"{self.workspace.url}/discovery"}
        shown = self.workspace.shown("", "", properties, self.clock.now())
        own = {"id": self.workspace_id, "name": names["workspaceName"], "location": "loopback"}
        return Answer(200, shown | own | {"type": "Microsoft.MachineLearningServices/workspaces"})

    def put_job(self, request: Request, **names: str) -> Answer:
        self._own(names)
        body: Body = request.json()
        held = self.workspace.jobs.get(names["id"])
        if held is not None:
            if held.body != body:
                raise Refusal(400, "UserError", TAKEN)
            return Answer(200, self.workspace.job(held))
        self._check(body["properties"])
        job = Job(names["id"], body, self.clock.now())
        self.workspace.jobs[job.id] = job
        self.scheduler.take(job)
        return Answer(201, self.workspace.job(job))

    def get_job(self, request: Request, **names: str) -> Answer:
        return Answer(200, self.workspace.job(self._job(names)))

    def delete_job(self, request: Request, **names: str) -> Answer:
        job = self._job(names)
        if job.status not in ENDED:
            raise Refusal(400, "UserError", f"The job is {job.status}: cancel it first.")
        del self.workspace.jobs[job.id]
        return Answer(202, headers={"location": f"{self.workspace.url}/operations/{job.id}"})

    def cancel_job(self, request: Request, **names: str) -> Answer:
        job = self._job(names)
        if job.status in ENDED:
            raise Refusal(400, "UserError", f"The job is {job.status} and cannot be cancelled.")
        self.scheduler.cancel(job)
        return Answer(202, headers={"location": f"{self.workspace.url}/operations/{job.id}"})

    def put_environment(self, request: Request, **names: str) -> Answer:
        self._own(names)
        key = names["name"], names["version"]
        body: Body = request.json()
        held = self.workspace.environments.get(key)
        if held is not None and held != body:
            raise Refusal(409, "UserError", "An environment's version cannot be changed.")
        self.workspace.environments[key] = body
        return Answer(200 if held else 201, self._environment(key))

    def get_environment(self, request: Request, **names: str) -> Answer:
        self._own(names)
        key = names["name"], names["version"]
        if key not in self.workspace.environments:
            raise Refusal(404, "UserError", f"There is no environment {key[0]}:{key[1]}.")
        return Answer(200, self._environment(key))

    def put_cluster(self, request: Request, **names: str) -> Answer:
        self._own(names)
        name, body = names["computeName"], request.json()
        held = self.workspace.clusters.get(name)
        if held is None:
            ready = asyncio.get_running_loop().time() + BOOT_SECONDS / 6 / self.speed
            held = self.workspace.clusters[name] = Cluster(name, body, self.clock.now(), ready)
            return Answer(201, self._shown(held))
        held.body = body
        return Answer(200, self._shown(held))

    def get_cluster(self, request: Request, **names: str) -> Answer:
        self._own(names)
        found = self.workspace.clusters.get(names["computeName"])
        if found is None:
            raise Refusal(404, "ResourceNotFound", f"There is no compute {names['computeName']}.")
        return Answer(200, self._shown(found))

    def _check(self, properties: Body) -> None:
        if properties["jobType"] != "Command" or needs_shell(properties["command"]):
            raise Refusal(501, "NotSimulated", "Only command jobs whose command is plain words are known here.")
        name, _, version = properties["environmentId"].rpartition("/")
        if (name.split("/")[-2], version) not in self.workspace.environments:
            raise Refusal(400, "UserError", f"There is no environment {properties['environmentId']}.")
        if properties["computeId"].rpartition("/")[2] not in self.workspace.clusters:
            raise Refusal(400, "UserError", f"There is no compute {properties['computeId']}.")

    def _own(self, names: Mapping[str, str]) -> None:
        """Refuse what is another workspace's."""
        if BASE.format(**names).lower() != self.workspace_id.lower():
            raise Refusal(404, "ResourceNotFound", f"There is no workspace {names['workspaceName']}.")

    def _job(self, names: Mapping[str, str]) -> Job:
        self._own(names)
        job = self.workspace.jobs.get(names["id"])
        if job is None:
            raise Refusal(404, "UserError", f"There is no job {names['id']}.")
        return job

    def _environment(self, key: tuple[str, str]) -> Body:
        part = f"environments/{key[0]}/versions/{key[1]}"
        properties = self.workspace.environments[key]["properties"]
        return self.workspace.shown("environments/versions", part, properties, self.clock.now())

    def _shown(self, cluster: Cluster) -> Body:
        return self.workspace.cluster(cluster, asyncio.get_running_loop().time())
