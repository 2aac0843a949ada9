"""The run history of a region, as far as the app asks it: what became of a job, and its error."""

import asyncio
from dataclasses import dataclass, field

from peers.azure.clock import stamp
from peers.azure.exchange import Answer, Contract, Operation, Refusal, Request
from peers.azure.ml.errors import JSON
from peers.azure.ml.service import BASE
from peers.azure.ml.shown import PLACE
from peers.azure.ml.state import Body, Job, Workspace
from shared.clouds import cloud_of

ELSEWHERE = ("experimentation", "history", "hyperdrive", "labeling")
"""Services whose host is not the one to ask."""


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Stands for a contract that nobody has published: nothing is checked."""

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        return []

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        return []


@dataclass(frozen=True, slots=True)
class HistoryService:
    """Where a region's services are, and the run history of a workspace."""

    workspace: Workspace
    contract: Contract = field(default_factory=Unwritten)
    resource: str = field(default_factory=lambda: cloud_of().machine_learning)

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", "/discovery", self.discover),
            Operation("GET", f"/history/v1.0{BASE}/runs/{{id}}/details", self.details),
        ]

    def refused(self, refusal: Refusal) -> Answer:
        headers = {"content-type": JSON, "x-ms-response-type": "error", "x-request-time": "0.054"}
        return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}}, headers)

    async def live(self) -> None:
        await asyncio.Event().wait()

    def discover(self, request: Request) -> Answer:
        hosts = dict.fromkeys(ELSEWHERE, f"https://{PLACE}.experiments.invalid")
        hosts |= {name: f"https://{PLACE}.{name}.invalid" for name in ("catalog", "modelmanagement", "pipelines")}
        return _told(hosts | {"api": self.workspace.url, "studio": "https://ml.azure.com"})

    def details(self, request: Request, **names: str) -> Answer:
        job = self.workspace.jobs.get(names["id"])
        if job is None or BASE.format(**names).lower() != self.workspace.resource.lower():
            raise Refusal(404, "UserError", f"Run {names['id']} was not found")
        return _told(run_body(job))


def _told(body: Body) -> Answer:
    return Answer(200, body, {"content-type": JSON, "x-ms-response-type": "standard"})


def run_body(job: Job) -> Body:
    """A job as the run history tells it; `error` only where there is one."""
    moments = {"startTimeUtc": job.started, "endTimeUtc": job.ended}
    return {
        "runId": job.id,
        "target": job.last("computeId") or None,
        "status": job.status,
        **{name: stamp(moment) for name, moment in moments.items() if moment},
        "services": {},
        "properties": {
            "_azureml.ComputeTargetType": "amlctrain",
            "ContentSnapshotId": "00000000-0000-0000-0000-000000000000",
            "ProcessInfoFile": "azureml-logs/process_info.json",
            "ProcessStatusFile": "azureml-logs/process_status.json",
        },
        "inputDatasets": [],
        "runDefinition": {},
        "logFiles": {},
        **({"error": error_body(job.error)} if job.error else {}),
    }


def error_body(error: Body) -> Body:
    """A run's error; its message begins with a line break and has many lines."""
    message = f"\nError Code: {error['code']}\nError Message: {error['message']}\nSee the logs of the job."
    unset = dict.fromkeys(("messageFormat", "referenceCode", "detailsUri", "target", "innerError", "debugInfo"))
    inner: Body = {"code": "UserError", "severity": None, "message": message, "messageParameters": {}, "details": []}
    return {
        "error": inner | unset | {"additionalInfo": None},
        "correlation": None,
        "environment": None,
        "location": None,
        "time": "0001-01-01T00:00:00+00:00",
        "componentName": "CommonRuntime",
    }
