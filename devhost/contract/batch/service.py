"""Azure Batch as the server offers it: its operations, put together."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devhost.contract.batch.execution import Executor
from devhost.contract.batch.jobs import Jobs
from devhost.contract.batch.pools import Pools
from devhost.contract.batch.scaling import Scaling
from devhost.contract.batch.scheduler import Scheduler
from devhost.contract.batch.state import Account
from devhost.contract.batch.tasks import Tasks
from devhost.contract.clock import Clock
from devhost.contract.exchange import Answer, Contract, Operation, Refusal
from devhost.contract.openapi import OpenApi
from devhost.contract.sdk_models import SdkModels
from shared.clouds import cloud_of

API_VERSION = "2025-06-01"
MICROSOFT = Path(__file__).parents[4] / "shared/contracts/batch/2025-06-01.reconstructed/BatchService.json"
_QUERY = "api-version timeOut maxresults $filter $select $expand $skiptoken startTime endTime force recursive"
_MODELS = {
    "POST /jobs": ("BatchJobCreateOptions", None),
    "GET /jobs": (None, "BatchJob"),
    "GET /jobs/{jobId}": (None, "BatchJob"),
    "PATCH /jobs/{jobId}": ("BatchJobUpdateOptions", None),
    "POST /jobs/{jobId}/terminate": ("BatchJobTerminateOptions", None),
    "POST /jobs/{jobId}/addtaskcollection": ("BatchTaskGroup", "BatchCreateTaskCollectionResult"),
    "GET /jobs/{jobId}/taskcounts": (None, "BatchTaskCountsResult"),
    "GET /jobs/{jobId}/tasks/{taskId}": (None, "BatchTask"),
    "POST /pools": ("BatchPoolCreateOptions", None),
    "GET /pools/{poolId}": (None, "BatchPool"),
    "POST /pools/{poolId}/resize": ("BatchPoolResizeOptions", None),
    "POST /pools/{poolId}/enableautoscale": ("BatchPoolEnableAutoScaleOptions", None),
    "POST /pools/{poolId}/evaluateautoscale": ("BatchPoolEvaluateAutoScaleOptions", "AutoScaleRun"),
}


def contract_of(path: Path = MICROSOFT) -> Contract:
    """Microsoft's file where it is at hand, with what reads it; else the installed SDK's models."""
    if path.exists():
        try:
            return OpenApi(path, ("$skiptoken",))
        except ImportError:
            pass
    import azure.batch.models

    bodies = {name: body for name, (body, _) in _MODELS.items() if body}
    answers = {name: answer for name, (_, answer) in _MODELS.items() if answer and name != "GET /jobs"}
    return SdkModels(azure.batch.models, API_VERSION, bodies, answers, frozenset(_QUERY.split()))


@dataclass(slots=True)
class BatchService:
    """An account of Azure Batch. `speed` is how many times faster than in Azure the pools' time passes."""

    clock: Clock
    url: str
    root: Path
    image_root: Path
    identity: Mapping[str, str]
    contract: Contract = field(default_factory=contract_of)
    speed: float = 600.0
    resource: str = field(default_factory=lambda: cloud_of().batch)
    account: Account = field(init=False)
    executor: Executor = field(init=False)
    scheduler: Scheduler = field(init=False)
    scaling: Scaling = field(init=False)
    jobs: Jobs = field(init=False)
    pools: Pools = field(init=False)
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        self.account = Account(self.clock, self.url, self.root)
        self.executor = Executor(self.account, self.image_root, self.identity)
        self.scheduler = Scheduler(self.account, self.executor)
        self.scaling = Scaling(self.account, self.scheduler, self.root, self.speed)
        self.jobs = Jobs(self.account, self.scheduler)
        self.pools = Pools(self.account, self.scaling)
        self.tasks = Tasks(self.account, self.jobs, self.scheduler)

    def operations(self) -> list[Operation]:
        jobs, tasks, pools = self.jobs, self.tasks, self.pools
        return [
            Operation("GET", "/jobs", jobs.list),
            Operation("POST", "/jobs", jobs.create),
            Operation("GET", "/jobs/{jobId}", jobs.get),
            Operation("PATCH", "/jobs/{jobId}", jobs.update),
            Operation("DELETE", "/jobs/{jobId}", jobs.delete),
            Operation("POST", "/jobs/{jobId}/terminate", jobs.terminate),
            Operation("GET", "/jobs/{jobId}/taskcounts", jobs.counts),
            Operation("POST", "/jobs/{jobId}/addtaskcollection", tasks.add_group),
            Operation("GET", "/jobs/{jobId}/tasks", tasks.list),
            Operation("GET", "/jobs/{jobId}/tasks/{taskId}", tasks.get),
            Operation("POST", "/jobs/{jobId}/tasks/{taskId}/terminate", tasks.terminate),
            Operation("GET", "/jobs/{jobId}/tasks/{taskId}/files/{filePath}", tasks.file),
            Operation("GET", "/pools", pools.list),
            Operation("POST", "/pools", pools.create),
            Operation("GET", "/pools/{poolId}", pools.get),
            Operation("DELETE", "/pools/{poolId}", pools.delete),
            Operation("POST", "/pools/{poolId}/resize", pools.resize),
            Operation("POST", "/pools/{poolId}/enableautoscale", pools.enable_auto_scale),
            Operation("POST", "/pools/{poolId}/evaluateautoscale", pools.evaluate),
            Operation("GET", "/nodecounts", pools.node_counts),
        ]

    def refused(self, refusal: Refusal) -> Answer:
        values = [{"key": key, "value": value} for key, value in refusal.details.items()]
        error = {"code": refusal.code, "message": {"lang": "en-US", "value": refusal.message}, "values": values}
        return Answer(refusal.status, error)

    async def live(self) -> None:
        await asyncio.gather(self.scheduler.live(), self.scaling.live())
