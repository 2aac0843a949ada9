"""Azure Batch as the server offers it: its operations, put together."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from peers.azure.batch.contract import contract_of
from peers.azure.batch.execution import Executor
from peers.azure.batch.jobs import Jobs
from peers.azure.batch.pools import Pools
from peers.azure.batch.refusals import error_body, of_problems, sentence
from peers.azure.batch.scaling import Scaling
from peers.azure.batch.scheduler import Scheduler
from peers.azure.batch.state import Account
from peers.azure.batch.tasks import Tasks
from peers.azure.batch.times import Times
from peers.azure.clock import Clock
from peers.azure.exchange import Answer, Contract, Operation, Refusal
from shared.clouds import cloud_of

HEADERS = {"dataserviceversion": "3.0", "server": "Microsoft-HTTPAPI/2.0"}
_ENTITIES = "Microsoft.Azure.Batch.Protocol.Entities"


@dataclass(slots=True)
class BatchService:
    """An account of Azure Batch.

    `speed` is how many times faster than in Azure the pools' time passes, `times` what else takes time.
    """

    clock: Clock
    url: str
    root: Path
    image_root: Path
    identity: Mapping[str, str]
    contract: Contract = field(default_factory=contract_of)
    speed: float = 600.0
    times: Times = field(default_factory=Times)
    resource: str = field(default_factory=lambda: cloud_of().batch)
    account: Account = field(init=False)
    executor: Executor = field(init=False)
    scheduler: Scheduler = field(init=False)
    scaling: Scaling = field(init=False)
    jobs: Jobs = field(init=False)
    pools: Pools = field(init=False)
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        self.account = Account(self.clock, self.url, self.root, self.times)
        self.executor = Executor(self.account, self.image_root, self.identity)
        self.scheduler = Scheduler(self.account, self.executor)
        self.scaling = Scaling(self.account, self.scheduler, self.root, self.speed)
        self.jobs = Jobs(self.account, self.scheduler)
        self.pools = Pools(self.account, self.scaling)
        self.tasks = Tasks(self.account, self.jobs, self.scheduler)

    def operations(self) -> list[Operation]:
        jobs, tasks, pools = self.jobs, self.tasks, self.pools
        job, task, pool = "/jobs/{jobId}", "/jobs/{jobId}/tasks/{taskId}", "/pools/{poolId}"
        evaluated = f"{_ENTITIES}.AutoScaleRun"
        return [
            self._operation("GET", "/jobs", jobs.list, "jobs"),
            self._operation("POST", "/jobs", jobs.create),
            self._operation("GET", job, jobs.get, "jobs/@Element"),
            self._operation("PATCH", job, jobs.update),
            self._operation("DELETE", job, jobs.delete),
            self._operation("POST", f"{job}/disable", jobs.disable),
            self._operation("POST", f"{job}/enable", jobs.enable),
            self._operation("POST", f"{job}/terminate", jobs.terminate),
            self._operation("GET", f"{job}/taskcounts", jobs.counts, "taskcountsresult/@Element"),
            self._operation("POST", f"{job}/addtaskcollection", tasks.add_group, "taskaddresult"),
            self._operation("GET", f"{job}/tasks", tasks.list, "tasks"),
            self._operation("POST", f"{job}/tasks", tasks.add),
            self._operation("GET", task, tasks.get, "tasks/@Element"),
            self._operation("POST", f"{task}/terminate", tasks.terminate),
            self._operation("POST", f"{task}/reactivate", tasks.reactivate),
            self._operation("GET", f"{task}/files", tasks.files, "files"),
            self._operation("GET", f"{task}/files/{{filePath}}", tasks.file),
            self._operation("GET", "/pools", pools.list, "pools"),
            self._operation("POST", "/pools", pools.create),
            self._operation("GET", pool, pools.get, "pools/@Element"),
            self._operation("DELETE", pool, pools.delete),
            self._operation("POST", f"{pool}/resize", pools.resize),
            self._operation("POST", f"{pool}/stopresize", pools.stop_resize),
            self._operation("POST", f"{pool}/enableautoscale", pools.enable_auto_scale),
            self._operation("POST", f"{pool}/disableautoscale", pools.disable_auto_scale),
            self._operation("POST", f"{pool}/evaluateautoscale", pools.evaluate, evaluated),
            self._operation("GET", f"{pool}/nodes", pools.nodes, "nodes"),
            self._operation("GET", f"{pool}/nodes/{{nodeId}}", pools.node, "nodes/@Element"),
            self._operation("GET", "/nodecounts", pools.node_counts, "poolnodecounts"),
        ]

    def _operation(self, method: str, template: str, act: Callable[..., Answer], kind: str = "") -> Operation:
        """An operation whose answers have what all answers of the service have."""

        def handler(*args: object, **names: object) -> Answer:
            answer = act(*args, **names)
            body = self._named(kind) | answer.body if isinstance(answer.body, dict) else answer.body
            return replace(answer, body=body, headers=HEADERS | dict(answer.headers))

        return Operation(method, template, handler)

    def _named(self, kind: str) -> dict[str, str]:
        return {"odata.metadata": f"{self.account.url}/$metadata#{kind}"}

    def refused(self, refusal: Refusal) -> Answer:
        if refusal.problems:
            refusal = of_problems(refusal.problems)
        status, message = refusal.status, refusal.message
        if refusal.code == "AuthenticationFailed":
            status, message = 403 if "audience" in message else 401, sentence(refusal.code)
        error = error_body(refusal.code, message, refusal.details, self.clock.now())
        return Answer(status, self._named(f"{_ENTITIES}.Container.errors/@Element") | error, HEADERS)

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:  # which ends when both have: no process of a task is left then
            group.create_task(self.scheduler.live())
            group.create_task(self.scaling.live())
