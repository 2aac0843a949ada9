"""Azure Machine Learning as Resource Manager offers it: jobs, environments and clusters of one workspace."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from peers.azure.clock import Clock
from peers.azure.exchange import Answer, Contract, Handler, Operation, Refusal, Request
from peers.azure.ml import shown
from peers.azure.ml.changes import change
from peers.azure.ml.contract import API_VERSION, contract_of
from peers.azure.ml.errors import JSON, OWN, Refused, envelope
from peers.azure.ml.execution import Executor
from peers.azure.ml.scheduler import CREATING_SECONDS, STEADY_SECONDS, Scheduler
from peers.azure.ml.state import ENDED, Body, Cluster, Environment, Job, Workspace
from shared.clouds import cloud_of

SUBSCRIPTION = "/subscriptions/{subscriptionId}"
PROVIDER = "/providers/Microsoft.MachineLearningServices"
BASE = f"{SUBSCRIPTION}/resourceGroups/{{resourceGroupName}}{PROVIDER}/workspaces/{{workspaceName}}"
OPERATION = f"{SUBSCRIPTION}{PROVIDER}/locations/{{location}}/mfeOperationResults/{{operation}}"
NO_CORES = (
    "The specified subscription has a total vCPU quota of 0 and cannot accomodate for at least 1 requested managed "
    "compute node which maps to 4 vCPUs."
)


@dataclass(slots=True)
class MachineLearningService:
    """One workspace. `speed` is how many times faster than in Azure the service's time passes."""

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
        offered: list[tuple[str, str, Handler]] = [
            ("GET", BASE, self.get_workspace),
            ("PUT", f"{BASE}/jobs/{{id}}", self.put_job),
            ("GET", f"{BASE}/jobs/{{id}}", self.get_job),
            ("DELETE", f"{BASE}/jobs/{{id}}", self.delete_job),
            ("POST", f"{BASE}/jobs/{{id}}/cancel", self.cancel_job),
            ("GET", OPERATION, self.get_operation),
            ("PUT", version, self.put_environment),
            ("GET", version, self.get_environment),
            ("PUT", f"{BASE}/computes/{{computeName}}", self.put_cluster),
            ("GET", f"{BASE}/computes/{{computeName}}", self.get_cluster),
        ]
        return [Operation(method, path, answering(method, handler)) for method, path, handler in offered]

    def refused(self, refusal: Refusal) -> Answer:
        return envelope(refusal, shown.PLACE, self.clock.now())

    async def live(self) -> None:
        await self.scheduler.live()

    def get_workspace(self, request: Request, **names: str) -> Answer:
        self._own(names)
        return Answer(200, shown.workspace_body(self.workspace, self.clock.now()))

    def put_job(self, request: Request, **names: str) -> Answer:
        self._own(names)
        body: Body = request.json()
        held = self.workspace.jobs.get(names["id"])
        if held is not None:
            change(held, body["properties"], self.workspace)
            return Answer(200, shown.job_body(held, self.workspace))
        job = Job(names["id"], body, self.clock.now())
        self._check(job)
        self.workspace.jobs[job.id] = job
        self.scheduler.take(job)
        return Answer(201, shown.job_body(job, self.workspace), self._at(f"{self.workspace.resource}/jobs/{job.id}"))

    def get_job(self, request: Request, **names: str) -> Answer:
        return Answer(200, shown.job_body(self._job(names), self.workspace))

    def delete_job(self, request: Request, **names: str) -> Answer:
        job = self._job(names)
        if job.status not in ENDED:
            raise Refused(400, f"The job is {job.status}: cancel it first.", "BadArgument")
        del self.workspace.jobs[job.id]
        return Answer(202, headers=self._operation("jd", job) | {"x-ms-async-operation-timeout": "PT1H"})

    def cancel_job(self, request: Request, **names: str) -> Answer:
        job = self._job(names)
        if job.status in (*ENDED, "Finalizing"):
            state = "in terminal status" if job.status in ENDED else "Finalizing"
            inner = ("BadArgument", "ArgumentInvalid", "CancelPipelineRunInTerminalStatus")
            raise Refused(400, f"The run {job.id} is {state}, it can't be canceled.", *inner)
        self.scheduler.cancel(job)
        return Answer(202, b"null", self._operation("jc", job) | {"x-ms-async-operation-timeout": "PT1H"})

    def get_operation(self, request: Request, **names: str) -> Answer:
        job = self.workspace.jobs.get(names["operation"].rpartition(":")[2])
        if job is None or job.status in ENDED:
            return Answer(200)
        return Answer(202, {}, self._operation("jc", job))

    def put_environment(self, request: Request, **names: str) -> Answer:
        self._own(names)
        key = names["name"], names["version"]
        body: Body = request.json()
        held = self.workspace.environments.setdefault(key, Environment(body, self.clock.now()))
        if held.body != body:
            raise Refused(409, "An environment's version cannot be changed.", "Immutable")
        place = f"{self.workspace.resource}/environments/{key[0]}/versions/{key[1]}"
        return Answer(201, shown.environment_body(key, held, self.workspace), self._at(place))

    def get_environment(self, request: Request, **names: str) -> Answer:
        self._own(names)
        key = names["name"], names["version"]
        if key not in self.workspace.environments:
            raise Refused(404, f"Environment {key[0]} (version: {key[1]}) was not found", "NotFoundError")
        return Answer(200, shown.environment_body(key, self.workspace.environments[key], self.workspace))

    def put_cluster(self, request: Request, **names: str) -> Answer:
        self._own(names)
        name, body = names["computeName"], request.json()
        held = self.workspace.clusters.get(name)
        if held is not None:
            held.body, held.modified = body, self.clock.now()
            return Answer(200, self._cluster(held))
        if not self.workspace.cores:
            raise Refused(400, NO_CORES, code="BadRequest")
        now, wait = asyncio.get_running_loop().time(), CREATING_SECONDS / self.speed
        held = Cluster(name, body, self.clock.now(), now + wait, now + STEADY_SECONDS / self.speed)
        self.workspace.clusters[name] = held
        place = f"{self._locations()}/computeOperationsStatus/{name}?api-version={API_VERSION}&service=new"
        return Answer(201, self._cluster(held), {"azure-asyncoperation": place})

    def get_cluster(self, request: Request, **names: str) -> Answer:
        self._own(names)
        found = self.workspace.clusters.get(names["computeName"])
        if found is None:
            raise Refused(404, "", empty=True)
        return Answer(200, self._cluster(found))

    def _check(self, job: Job) -> None:
        if job.body["properties"]["jobType"] != "Command":
            raise Refused(501, "Only command jobs are known here.", code="NotSimulated")
        key = job.environment
        if key and key not in self.workspace.environments:
            place = f"{self.workspace.resource}/environments/{key[0]}/versions/{key[1]}"
            missing = f"Not found environment {key[0]} (version: {key[1]})"
            raise Refused(404, f"key: {place}, Message: {missing}.", code="NotFound")
        if (cluster := job.last("computeId")) and cluster not in self.workspace.clusters:
            raise Refused(400, f"There is no compute {cluster}.", "BadArgument")

    def _own(self, names: Mapping[str, str]) -> None:
        """Refuse what is another workspace's, as Resource Manager's gateway does."""
        if BASE.format(**names).lower() != self.workspace_id.lower():
            what = f"'Microsoft.MachineLearningServices/workspaces/{names['workspaceName']}'"
            said = f"The Resource {what} under resource group '{names['resourceGroupName']}' was not found."
            more = " For more details please go to https://aka.ms/ARMResourceNotFoundFix"
            raise Refusal(404, "ResourceNotFound", said + more)

    def _job(self, names: Mapping[str, str]) -> Job:
        self._own(names)
        job = self.workspace.jobs.get(names["id"])
        if job is None:
            raise Refused(404, f"Job {names['id']} was not found", "NotFoundError")
        return job

    def _cluster(self, cluster: Cluster) -> Body:
        return shown.cluster_body(cluster, self.workspace, asyncio.get_running_loop().time())

    def _at(self, place: str) -> dict[str, str]:
        return {"location": f"{self.workspace.url}{place}?api-version={API_VERSION}"}

    def _locations(self) -> str:
        group = self.workspace.resource.partition("/resourceGroups/")[0]
        return f"{self.workspace.url}{group}{PROVIDER}/locations/{shown.PLACE}"

    def _operation(self, kind: str, job: Job) -> dict[str, str]:
        place = f"{kind}:00000000-0000-0000-0000-000000000001:{job.id}"
        return {"location": f"{self._locations()}/mfeOperationResults/{place}?api-version={API_VERSION}"}


def answering(method: str, handler: Handler) -> Handler:
    """A handler whose answers have the headers that all of the service's have."""

    def answered(request: Request, **names: str) -> Answer:
        answer = handler(request, **names)
        left = {"reads": "249"} if method == "GET" else {"writes": "199", "global-writes": "2999"}
        told = {f"x-ms-ratelimit-remaining-subscription-{kind}": number for kind, number in left.items()}
        kind = {} if answer.body is None else {"content-type": JSON}
        return Answer(
            answer.status, answer.body, OWN | told | {"x-ms-response-type": "standard"} | kind | dict(answer.headers)
        )

    return answered
