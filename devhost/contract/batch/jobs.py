"""What can be asked of jobs."""

from typing import Any

from devhost.contract.batch.listing import answer_list
from devhost.contract.batch.scheduler import Scheduler
from devhost.contract.batch.state import Account, Body, Job, describe_job, etag
from devhost.contract.exchange import Answer, Refusal, Request

OPEN = ("active", "disabled")


class Jobs:
    """The operations on jobs."""

    def __init__(self, account: Account, scheduler: Scheduler) -> None:
        self._account = account
        self._scheduler = scheduler

    def create(self, request: Request) -> Answer:
        body: Body = request.json()
        if body["id"].lower() in self._account.jobs:
            held = self._account.jobs[body["id"].lower()]
            if held.state == "deleting":
                raise Refusal(409, "JobBeingDeleted", "The specified job has been marked for deletion.")
            raise Refusal(409, "JobExists", "The specified job already exists.")
        if body["poolInfo"].get("poolId", "").lower() not in self._account.pools:
            raise Refusal(409, "PoolNotFound", "The specified pool does not exist.")
        now = self._account.clock.now()
        job = Job(body["id"], body, now, now)
        self._account.jobs[job.id.lower()] = job
        return Answer(201, None, _headers(job) | {"location": f"{self._account.url}/jobs/{job.id}"})

    def get(self, request: Request, jobId: str) -> Answer:  # noqa: N803 - the contract's own name
        job = self.find(jobId)
        return Answer(200, describe_job(self._account, job), _headers(job))

    def list(self, request: Request) -> Answer:
        return answer_list(request, (describe_job(self._account, job) for job in self._account.jobs.values()))

    def update(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.find(jobId)
        if job.state not in OPEN:
            raise Refusal(409, _closed(job), f"The job is {job.state}.")
        changes: dict[str, Any] = request.json()
        job.body |= changes
        job.edition += 1
        self._scheduler.look_at(job)
        return Answer(200, None, _headers(job))

    def terminate(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.find(jobId)
        if job.state not in OPEN:
            raise Refusal(409, _closed(job), f"The job is {job.state}.")
        self._scheduler.terminate(job, (request.json() or {}).get("terminateReason", "UserTerminate"))
        return Answer(202, None, _headers(job))

    def delete(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.find(jobId)
        self._scheduler.delete(job)
        return Answer(202)

    def counts(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.find(jobId)
        ended = {name: job.counts[name] for name in ("succeeded", "failed")}
        counts = ended | {"running": job.counts["running"], "active": job.active(), "completed": sum(ended.values())}
        return Answer(200, {"taskCounts": counts, "taskSlotCounts": counts})

    def find(self, job_id: str) -> Job:
        """The job; raises Refusal."""
        job = self._account.jobs.get(job_id.lower())
        if job is None:
            raise Refusal(404, "JobNotFound", "The specified job does not exist.")
        return job


def _closed(job: Job) -> str:
    return {"completed": "JobCompleted", "terminating": "JobTerminating", "deleting": "JobBeingDeleted"}[job.state]


def _headers(job: Job) -> dict[str, str]:
    return {"etag": etag(job)}
