"""Which task runs on which node, and what follows from how it ended."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime

from devhost.contract.batch.execution import Executor, Outcome
from devhost.contract.batch.state import Account, Body, Job, Node, Pool, Task, seconds_of

log = logging.getLogger("devhost.contract")

LOOK_SECONDS = 0.02


@dataclass(slots=True)
class Scheduler:
    """Starts ready tasks on free slots; retries, dependencies, exit conditions and limits as Batch documents them."""

    account: Account
    executor: Executor
    running: dict[Task, asyncio.Task[None]] = field(default_factory=dict)

    async def live(self) -> None:
        """Look for work until cancelled; then no process is left."""
        try:
            while True:
                for pool in self.account.pools.values():
                    self._assign(pool)
                self._enforce_limits()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for each in self.running.values():
                each.cancel()
            await asyncio.gather(*self.running.values(), return_exceptions=True)

    def added(self, job: Job, task: Task, needs: list[str]) -> None:
        """Take up a new task, once what it needs has succeeded."""
        unmet = [need.lower() for need in needs if need.lower() not in job.satisfied]
        task.unmet = len(unmet)
        for need in unmet:
            job.waiting.setdefault(need, []).append(task)
        if not unmet:
            job.ready.append(task)

    def look_at(self, job: Job) -> None:
        """Complete the job where all its tasks are, and it asks for that."""
        open_tasks = job.active() + job.counts["running"]
        if job.state == "active" and job.body.get("onAllTasksComplete") == "terminatejob" and not open_tasks:
            self.terminate(job, "AllTasksComplete")

    def terminate(self, job: Job, reason: str) -> None:
        """End the job: running tasks are stopped, waiting ones stay as they are."""
        job.move("terminating", self._now())
        job.reason = reason
        job.ready.clear()
        self._stop_running(job)
        self._complete(job)

    def delete(self, job: Job) -> None:
        """Remove the job and its tasks."""
        job.move("deleting", self._now())
        job.ready.clear()
        self._stop_running(job)
        self._complete(job)

    def end_task(self, job: Job, task: Task) -> None:
        """Stop one task, at somebody's word."""
        if task in self.running:
            self.running[task].cancel("ended")
        elif task.state == "active":
            job.ready = type(job.ready)(each for each in job.ready if each is not task)
            self._finish(job, task, Outcome(None, _ENDED))

    def preempt(self, pool: Pool, node: Node) -> None:
        """Take a node away; its tasks start anew on another one."""
        pool.nodes.pop(node.id)
        for task in list(node.tasks):
            self.running[task].cancel("preempted")

    def _now(self) -> datetime:
        return self.account.clock.now()

    def _stop_running(self, job: Job) -> None:
        for task in job.tasks.values():
            if task in self.running:
                self.running[task].cancel("ended")

    def _complete(self, job: Job) -> None:
        if job.counts["running"]:
            return
        if job.state == "deleting":
            self.account.jobs.pop(job.id.lower(), None)
        elif job.state == "terminating":
            job.ended = self._now()
            job.move("completed", job.ended)
            log.info("%s: completed, %s", job.id, job.reason)

    def _assign(self, pool: Pool) -> None:
        free = [node for node in pool.nodes.values() if self._free(node)]
        for job in self.account.jobs_of(pool):
            while free and job.ready and job.state == "active":
                node, task = free[0], job.ready.popleft()
                self._start(pool, job, task, node)
                if len(node.tasks) >= node.slots:
                    free.pop(0)

    def _free(self, node: Node) -> bool:
        booted = node.ready_at <= asyncio.get_running_loop().time()
        return booted and not node.leaving and len(node.tasks) < node.slots

    def _start(self, pool: Pool, job: Job, task: Task, node: Node) -> None:
        job.counts["running"] += 1
        node.tasks.add(task)
        task.node = node
        task.started = self._now()
        task.move("running", task.started)
        work = self.running[task] = asyncio.create_task(self._run(pool, job, task, node))
        work.add_done_callback(lambda _: self._never_began(job, task))

    def _never_began(self, job: Job, task: Task) -> None:
        """What is cancelled before its first step never runs at all."""
        if task in self.running:
            self._leave(job, task)
            self._finish(job, task, Outcome(None, _ENDED))

    async def _run(self, pool: Pool, job: Job, task: Task, node: Node) -> None:
        try:
            outcome = await self.executor.execute(pool, job, task, node)
            while outcome.retriable and task.retries < _retries(job, task.body()):
                task.retries += 1
                outcome = await self.executor.execute(pool, job, task, node)
        except asyncio.CancelledError as why:
            outcome = Outcome(None, _ENDED)
            if why.args == ("preempted",):
                self._requeue(job, task)
                return
        self._leave(job, task)
        self._finish(job, task, outcome)

    def _leave(self, job: Job, task: Task) -> None:
        job.counts["running"] -= 1
        if task.node:
            task.node.tasks.discard(task)
        self.running.pop(task, None)

    def _requeue(self, job: Job, task: Task) -> None:
        self._leave(job, task)
        task.requeues += 1
        task.node = None
        task.move("active", self._now())
        if job.state == "active":
            job.ready.appendleft(task)
        self._complete(job)

    def _finish(self, job: Job, task: Task, outcome: Outcome) -> None:
        task.ended = self._now()
        task.exit_code, task.failure = outcome.exit_code, outcome.failure
        task.result = "success" if outcome.failure is None else "failure"
        task.move("completed", task.ended)
        job.counts["succeeded" if outcome.failure is None else "failed"] += 1
        code = outcome.failure["code"] if outcome.failure else "Success"
        log.info("%s: task %s (%s): %s", job.id, task.id, task.body().get("displayName", ""), code)
        option = _exit_option(task.body(), outcome)
        satisfied = outcome.failure is None or option.get("dependencyAction") == "satisfy"
        if satisfied:
            self._satisfy(job, task)
        acts = job.body.get("onTaskFailure") == "performexitoptionsjobaction"
        if outcome.failure and acts and job.state == "active" and option.get("jobAction", "terminate") == "terminate":
            self.terminate(job, "TaskFailed")
        self._complete(job)
        self.look_at(job)

    def _satisfy(self, job: Job, task: Task) -> None:
        job.satisfied.add(task.id.lower())
        for waiting in job.waiting.pop(task.id.lower(), []):
            waiting.unmet -= 1
            if not waiting.unmet and job.state == "active":
                job.ready.append(waiting)

    def _enforce_limits(self) -> None:
        for job in list(self.account.jobs.values()):
            limit = seconds_of(job.body.get("constraints", {}).get("maxWallClockTime"))
            if limit and job.state == "active" and (self._now() - job.created).total_seconds() > limit:
                self.terminate(job, "MaxWallClockTimeExpiry")


_ENDED: Body = {"category": "usererror", "code": "TaskEnded", "message": "Task Was Ended by User Request"}


def _retries(job: Job, body: Body) -> int:
    default = job.body.get("constraints", {}).get("maxTaskRetryCount", 0)
    count = int(body.get("constraints", {}).get("maxTaskRetryCount", default))
    return count if count >= 0 else 1_000_000


def _exit_option(body: Body, outcome: Outcome) -> Body:
    """What the task's exit conditions say of how it ended."""
    conditions: Body = body.get("exitConditions", {})
    if outcome.exit_code is None:
        return dict(conditions.get("preProcessingError") or conditions.get("default") or {})
    for each in conditions.get("exitCodes", []):
        if each["code"] == outcome.exit_code:
            return dict(each["exitOptions"])
    for each in conditions.get("exitCodeRanges", []):
        if each["start"] <= outcome.exit_code <= each["end"]:
            return dict(each["exitOptions"])
    return dict(conditions.get("default") or {}) if outcome.exit_code else {}
