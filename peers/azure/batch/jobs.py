"""What can be asked of jobs."""

from peers.azure.batch.describe import describe_job, etag
from peers.azure.batch.listing import answer_list, selected
from peers.azure.batch.refusals import refusal
from peers.azure.batch.scheduler import Scheduler
from peers.azure.batch.state import Account, Body, Job
from peers.azure.clock import http_date
from peers.azure.exchange import Answer, Request

OPEN = ("active", "disabled")
_CLOSED = {"completed": "JobCompleted", "terminating": "JobBeingTerminated", "deleting": "JobBeingDeleted"}


class Jobs:
    """The operations on jobs."""

    def __init__(self, account: Account, scheduler: Scheduler) -> None:
        self._account = account
        self._scheduler = scheduler

    def create(self, request: Request) -> Answer:
        """Take a job on any pool, there or not."""
        body: Body = request.json()
        held = self._account.jobs.get(body["id"].lower())
        if held:
            code = {"completed": "JobCompleted", "deleting": "JobBeingDeleted"}.get(held.state, "JobExists")
            raise refusal(409, code)
        if sum(job.state in OPEN for job in self._account.jobs.values()) >= self._account.job_quota:
            raise refusal(409, "ActiveJobAndScheduleQuotaReached")
        job = Job(body["id"], body, self._account.clock.now())
        self._account.jobs[job.id.lower()] = job
        place = f"{self._account.url}/jobs/job-1"  # whatever its id
        return Answer(201, None, edition(job) | {"location": place, "dataserviceid": place})

    def get(self, request: Request, jobId: str) -> Answer:  # noqa: N803 - the contract's own name
        job = self.find(jobId)
        shown = selected(request, describe_job(self._account, job))
        return Answer(200, shown, edition(job), partial="$select" in request.query)

    def list(self, request: Request) -> Answer:
        return answer_list(request, (describe_job(self._account, job) for job in self._account.jobs.values()))

    def update(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.open(jobId)
        changes: Body = request.json()
        job.body |= changes
        job.modify(self._account.clock.now())
        return Answer(200, None, edition(job) | self._id(request))

    def terminate(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.open(jobId)
        job.modify(self._account.clock.now())
        self._scheduler.terminate(job, (request.json() or {}).get("terminateReason") or "UserTerminate")
        return Answer(202, None, edition(job) | self._id(request))

    def delete(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.find(jobId)
        if job.state == "deleting":
            raise refusal(409, "JobBeingDeleted")
        self._scheduler.delete(job)
        return Answer(202)

    def disable(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.open(jobId)
        self._scheduler.disable(job, request.json()["disableTasks"].lower())
        return Answer(202, None, edition(job) | self._id(request))

    def enable(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        job = self.open(jobId)
        self._scheduler.enable(job)
        return Answer(202, None, edition(job) | self._id(request))

    def counts(self, request: Request, jobId: str) -> Answer:  # noqa: N803
        """The tasks by state, as they were some time ago."""
        counts = dict.fromkeys(("active", "running", "completed", "succeeded", "failed"), 0)
        for task in self.find(jobId).tasks.values():
            state = task.state_seen(self._account.times.counts_behind)
            if state:
                counts[state] += 1
            if state == "completed":
                counts["succeeded" if task.result == "success" else "failed"] += 1
        return Answer(200, {"taskCounts": counts, "taskSlotCounts": counts})

    def find(self, job_id: str) -> Job:
        """The job; raises Refusal."""
        job = self._account.jobs.get(job_id.lower())
        if job is None:
            raise refusal(404, "JobNotFound")
        return job

    def open(self, job_id: str) -> Job:
        """The job, where it can still be changed; raises Refusal."""
        job = self.find(job_id)
        if job.state not in OPEN:
            raise refusal(409, _CLOSED[job.state])
        return job

    def _id(self, request: Request) -> dict[str, str]:
        return {"dataserviceid": f"{self._account.url}/{'/'.join(request.parts)}"}


def edition(job: Job) -> dict[str, str]:
    """The headers that tell which edition of it this is."""
    return {"etag": etag(job.modified), "last-modified": http_date(job.modified)}
