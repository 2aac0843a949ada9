"""The run history of a region, as far as the app asks it: what became of a job, and its error."""

import asyncio
from dataclasses import dataclass, field

from devhost.contract.clock import stamp
from devhost.contract.exchange import Answer, Contract, Operation, Refusal, Request
from devhost.contract.ml.service import BASE
from devhost.contract.ml.state import Workspace
from shared.clouds import cloud_of


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
        return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})

    async def live(self) -> None:
        await asyncio.Event().wait()

    def discover(self, request: Request) -> Answer:
        return Answer(200, {"api": self.workspace.url, "history": self.workspace.url})

    def details(self, request: Request, **names: str) -> Answer:
        job = self.workspace.jobs.get(names["id"])
        if job is None or BASE.format(**names).lower() != self.workspace.resource.lower():
            raise Refusal(404, "UserError", f"There is no run {names['id']}.")
        return Answer(
            200,
            {
                "runId": job.id,
                "status": job.status,
                "startTimeUtc": stamp(job.started) if job.started else None,
                "endTimeUtc": stamp(job.ended) if job.ended else None,
                "error": {"error": job.error} if job.error else None,
                "logFiles": {},
            },
        )
