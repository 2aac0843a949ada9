"""A job's way from NotStarted to its end, and clusters that grow from no nodes and go back to none."""

import asyncio
import logging
from dataclasses import dataclass, field

from devhost.contract.batch.state import seconds_of
from devhost.contract.ml.execution import Executor
from devhost.contract.ml.state import ENDED, Body, Cluster, Job, Workspace

log = logging.getLogger("devhost.contract")

LOOK_SECONDS = 0.02
BOOT_SECONDS = 180.0
"""How long a node takes from the wish to the first job, at the pace of Azure."""


class Preempted(Exception):
    """The nodes of a job were taken away."""


@dataclass(slots=True)
class Scheduler:
    """Moves jobs on; `speed` is how many times faster than in Azure the clusters' time passes."""

    workspace: Workspace
    executor: Executor
    speed: float
    running: dict[Job, asyncio.Task[list[int]]] = field(default_factory=dict)
    preempted: set[Job] = field(default_factory=set)

    async def live(self) -> None:
        """Look after clusters until cancelled; then no process is left."""
        try:
            while True:
                for cluster in self.workspace.clusters.values():
                    self._scale(cluster)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            jobs = [job.work for job in self.workspace.jobs.values() if job.work]
            for each in jobs:
                each.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    def take(self, job: Job) -> None:
        """Begin with a job."""
        job.status = "Starting"
        job.work = asyncio.create_task(self._live(job))

    def cancel(self, job: Job) -> None:
        """Have a job stopped."""
        job.status = "CancelRequested"
        if job.work:
            job.work.cancel()

    def preempt(self, job: Job) -> None:
        """Take a running job's nodes away: it is queued again, and starts anew."""
        cluster = self.workspace.clusters[job.last("computeId")]
        cluster.nodes -= job.nodes
        self.preempted.add(job)
        self.running[job].cancel()

    async def _live(self, job: Job) -> None:
        try:
            await self._pass(job)
        except asyncio.CancelledError:
            self._end(job, "Canceled")
            raise

    async def _pass(self, job: Job) -> None:
        job.status = "Preparing"
        image = self.workspace.environments[_version(job)]["properties"]["image"]
        if image in self.executor.absent_images:
            message = f"Failed to pull Docker image {image}: manifest unknown."
            self._end(job, "Failed", {"code": "ImagePullFailure", "message": message})
            return
        cluster = self.workspace.clusters[job.last("computeId")]
        while not await self._ran(job, cluster):
            log.info("%s: its nodes were taken away", job.id)

    async def _ran(self, job: Job, cluster: Cluster) -> bool:
        """Wait for nodes, and run; False where the nodes are taken away meanwhile."""
        job.status, turn = "Queued", asyncio.Event()
        place = (job, turn)
        cluster.queue.append(place)
        try:
            await turn.wait()
        except asyncio.CancelledError:
            if place in cluster.queue:
                cluster.queue.remove(place)
            else:
                cluster.busy -= job.nodes
            raise
        try:
            await self._run(job)
        except Preempted:
            return False
        finally:
            cluster.busy -= job.nodes
            cluster.idle_since = asyncio.get_running_loop().time()
        return True

    async def _run(self, job: Job) -> None:
        job.status = "Running"
        job.started = job.started or self.workspace.clock.now()
        work = self.running[job] = asyncio.create_task(self.executor.execute(job))
        try:
            codes = await asyncio.wait_for(work, job.limit)
        except TimeoutError:  # "the system cancels the job"
            self._end(job, "Canceled")
            return
        except asyncio.CancelledError as why:
            if job not in self.preempted:
                raise
            self.preempted.discard(job)
            raise Preempted from why
        finally:
            del self.running[job]
        job.status = "Finalizing"
        bad = next((code for code in codes if code > 0), next((code for code in codes if code), 0))
        message = f"Execution failed. User process exited with status code {bad}."
        self._end(job, "Failed" if bad else "Completed", {"code": "UserError", "message": message} if bad else None)

    def _end(self, job: Job, status: str, error: Body | None = None) -> None:
        if job.status not in ENDED:
            job.status, job.error, job.ended = status, error, self.workspace.clock.now()
            log.info("%s: %s %s", job.id, status, (error or {}).get("message", ""))

    def _scale(self, cluster: Cluster) -> None:
        now = asyncio.get_running_loop().time()
        if cluster.ready_at > now:
            return
        come = [moment for moment in cluster.coming if moment <= now]
        cluster.coming = [moment for moment in cluster.coming if moment > now]
        cluster.nodes += len(come)
        cluster.most = max(cluster.most, cluster.nodes)
        while cluster.nodes + len(cluster.coming) < min(cluster.wanted, cluster.quota):
            cluster.coming.append(now + BOOT_SECONDS / self.speed)
        idle = (seconds_of(cluster.scale.get("nodeIdleTimeBeforeScaleDown")) or 120) / self.speed
        if not cluster.queue and not cluster.busy and now - cluster.idle_since > idle and not come:
            cluster.nodes = min(cluster.nodes, int(cluster.scale.get("minNodeCount", 0)))
        while cluster.queue and cluster.queue[0][0].nodes <= cluster.nodes - cluster.busy:
            job, turn = cluster.queue.popleft()
            cluster.busy += job.nodes
            turn.set()


def _version(job: Job) -> tuple[str, str]:
    *_, name, _, version = job.body["properties"]["environmentId"].split("/")
    return name, version
