"""A job's way from Starting to its end, and clusters that grow from no nodes and go back to none.

How long each state lasts is recorded of Azure where a name says so; `speed` scales all of it.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from peers.azure.batch.state import seconds_of
from peers.azure.ml.execution import Executor, needs_shell
from peers.azure.ml.state import ENDED, Body, Cluster, Job, Workspace

log = logging.getLogger("peers.azure")

LOOK_SECONDS = 0.02
STARTING_SECONDS = 2.0
"""Recorded, like the next four: how long a job is Starting, before it is Queued."""
BOOT_SECONDS = 159.0
"""How long a node takes from the wish to the first job."""
CREATING_SECONDS, STEADY_SECONDS = 36.0, 10.0
"""How long a cluster is being made, and until its nodes are counted."""
LEAVING_SECONDS = 35.0
"""How long a cluster resizes when its nodes go."""
CANCEL_SECONDS = 31.0
"""How long a job goes on after its cancellation was asked for."""
FINALIZING_SECONDS = 10.0
"""Guessed: how long a job is Finalizing, when it cannot be cancelled."""


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
        """Have a job stopped, after a while in which it goes on."""
        job.status = "CancelRequested"
        if job.work:
            asyncio.get_running_loop().call_later(CANCEL_SECONDS / self.speed, job.work.cancel)

    def preempt(self, job: Job, restarts: bool = True) -> None:
        """Take a running job's nodes away: it is queued again and starts anew, or fails, as users have seen, too."""
        cluster = self.workspace.clusters[job.last("computeId")]
        cluster.nodes -= job.nodes
        if restarts:
            self.preempted.add(job)
            self.running[job].cancel()
            return
        message = "PreemptionError: Nodes of this job got pre-empted"
        self._end(job, "Failed", {"code": "UserError", "message": message})
        self.running[job].cancel()

    async def _live(self, job: Job) -> None:
        try:
            await self._pass(job)
        except asyncio.CancelledError:
            self._end(job, "Canceled")
            raise

    async def _pass(self, job: Job) -> None:
        await self._last(STARTING_SECONDS)
        if not job.last("computeId"):  # nodes of the service's own
            self._reach(job, "Preparing")
            await self._last(BOOT_SECONDS)
            await self._run(job)
            return
        cluster = self.workspace.clusters[job.last("computeId")]
        if 0 < cluster.quota < job.nodes:
            message = f"The job needs {job.nodes} nodes, more than the quota of cores allows."
            self._end(job, "Failed", {"code": "JobNodeCountExceedsCoreQuota", "message": message})
            return
        while not await self._ran(job, cluster):
            log.info("%s: its nodes were taken away", job.id)

    async def _last(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def _reach(self, job: Job, status: str) -> None:
        """Go on to a status, unless the job is to be cancelled: that is shown until its end."""
        if job.status != "CancelRequested" and job.status not in ENDED:
            job.status = status
        job.placed = job.placed or status == "Queued"

    async def _ran(self, job: Job, cluster: Cluster) -> bool:
        """Wait for nodes, and run; False where the nodes are taken away meanwhile."""
        self._reach(job, "Queued")
        turn = asyncio.Event()
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
        self._reach(job, "Preparing")
        if said := self._unfit(job):
            self._end(job, "Failed", said)
            return
        self._reach(job, "Running")
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
        self._reach(job, "Finalizing")
        await self._last(FINALIZING_SECONDS)
        bad = next((code for code in codes if code > 0), next((code for code in codes if code), 0))
        message = f"Execution failed. User process exited with status code {bad}."
        self._end(job, "Failed" if bad else "Completed", {"code": "UserError", "message": message} if bad else None)

    def _unfit(self, job: Job) -> Body | None:
        """Why a job cannot run on its nodes."""
        if needs_shell(job.body["properties"]["command"]):
            return {"code": "NotSimulated", "message": "Only commands that are plain words are run here."}
        held = self.workspace.environments.get(job.environment or ("", ""))
        image = held.body["properties"].get("image") if held else None
        if image in self.executor.absent_images:
            return {"code": "ImagePullFailure", "message": f"Failed to pull Docker image {image}: manifest unknown."}
        return None

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
            least = int(cluster.scale.get("minNodeCount") or 0)
            if least < cluster.nodes:
                cluster.nodes, cluster.leaving_until = least, now + LEAVING_SECONDS / self.speed
        while cluster.queue and cluster.queue[0][0].nodes <= cluster.nodes - cluster.busy:
            job, turn = cluster.queue.popleft()
            cluster.busy += job.nodes
            turn.set()
