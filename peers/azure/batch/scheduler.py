"""Which task runs on which node, and what follows from how it ended."""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from peers.azure.batch.execution import Executor, Outcome
from peers.azure.batch.state import Account, Body, Job, Node, Pool, Task, seconds_of

log = logging.getLogger("peers.azure")

LOOK_SECONDS = 0.02
_CLOSING = ("terminating", "deleting")
_ENDED: Body = {"category": "UserError", "code": "TaskEnded", "message": "Task Was Ended by User Request"}


@dataclass(slots=True)
class Scheduler:
    """Starts ready tasks on free slots; retries, dependencies, exit conditions and limits as Batch documents them.

    What becomes of a task whose process has ended is told by what is true then: its node is gone, its job is being
    closed, or a request ended it. Why its process was stopped is not looked at.
    """

    account: Account
    executor: Executor
    running: dict[Task, asyncio.Task[Outcome]] = field(default_factory=dict)

    async def live(self) -> None:
        """Look for work until cancelled; then no process is left."""
        try:
            while True:
                for pool in self.account.pools.values():
                    self.assign(pool)
                for job in list(self.account.jobs.values()):
                    self._tend(job)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for each in self.running.values():
                each.cancel()
            await asyncio.gather(*self.running.values(), return_exceptions=True)

    def assign(self, pool: Pool) -> None:
        """Start ready tasks on the free slots of a pool, those of older jobs first."""
        free = [node for node in pool.nodes.values() if node.takes_tasks()]
        for job in self.account.jobs_of(pool):
            while free and job.ready and job.state == "active":
                node, task = free[0], job.ready.popleft()
                self._start(pool, job, task, node)
                if len(node.tasks) >= node.slots:
                    free.pop(0)

    def added(self, job: Job, task: Task, needs: list[str]) -> None:
        """Take up a new task, once what it needs has succeeded."""
        unmet = [need.lower() for need in needs if need.lower() not in job.satisfied]
        task.unmet = len(unmet)
        for need in unmet:
            job.waiting.setdefault(need, []).append(task)
        if not unmet:
            job.ready.append(task)

    def terminate(self, job: Job, reason: str) -> None:
        """End the job: running tasks are stopped, waiting ones stay as they are."""
        job.reason = reason
        self._close(job, "terminating", self.account.times.terminating)
        self._stop(job)

    def delete(self, job: Job) -> None:
        """Remove the job and its tasks, in a while: nodes hear late of it."""
        times = self.account.times
        self._close(job, "deleting", times.deleting_with_nodes if job.counts["running"] else times.deleting)

    def disable(self, job: Job, tasks: str) -> None:
        """Start none of its tasks for now; `tasks` says what becomes of those that run: requeue, terminate or wait."""
        job.move("disabled", self._now())
        for task in self._running_of(job):
            task.stopped = tasks == "terminate"
        if tasks != "wait":
            self._stop(job)

    def enable(self, job: Job) -> None:
        """Start its tasks again."""
        if job.state == "disabled":
            job.move("active", self._now())

    def end_task(self, job: Job, task: Task) -> None:
        """Stop one task, at somebody's word."""
        task.stopped = True
        if task in self.running:
            self.running[task].cancel()
        elif task.state == "active":
            job.ready = type(job.ready)(each for each in job.ready if each is not task)
            self._finish(job, task, Outcome(None, _ENDED))

    def reactivate(self, job: Job, task: Task) -> None:
        """Have a task that failed run anew."""
        job.counts["failed"] -= 1
        task.ended, task.exit_code, task.failure, task.result = None, None, None, ""
        task.stopped, task.node = False, None
        task.move("active", self._now())
        job.ready.append(task)

    def preempt(self, pool: Pool, node: Node) -> None:
        """Take a node away; its tasks start anew on another one."""
        node.preempted = True
        if pool.nodes.pop(node.id, None):
            pool.lost.append((time.monotonic() + self.account.times.leaving_behind, node))
        for task in list(node.tasks):
            self.running[task].cancel()

    def _now(self) -> datetime:
        return self.account.clock.now()

    def _running_of(self, job: Job) -> list[Task]:
        return [task for task in job.tasks.values() if task in self.running]

    def _close(self, job: Job, state: str, seconds: float) -> None:
        job.move(state, self._now())
        job.ready.clear()
        job.ends_at = time.monotonic() + seconds

    def _stop(self, job: Job) -> None:
        for task in self._running_of(job):
            self.running[task].cancel()

    def _tend(self, job: Job) -> None:
        """End the job where its tasks, its time, or a request have ended it."""
        if job.state == "active":
            if self._is_done(job):
                self.terminate(job, "AllTasksCompleted")
            limit = seconds_of(job.body.get("constraints", {}).get("maxWallClockTime"))
            if limit and (self._now() - job.created).total_seconds() > limit:
                self.terminate(job, "MaxWallClockTimeExpiry")
        if job.state in _CLOSING and time.monotonic() >= job.ends_at:
            if not job.counts["running"]:
                self._closed(job)
            elif not job.stopping:
                job.stopping = True
                self._stop(job)

    def _is_done(self, job: Job) -> bool:
        if job.body.get("onAllTasksComplete") != "terminatejob" or job.active() or job.counts["running"]:
            return False
        return bool(job.tasks) or time.monotonic() - job.modified_at >= self.account.times.job_without_tasks

    def _closed(self, job: Job) -> None:
        if job.state == "deleting":
            self.account.jobs.pop(job.id.lower(), None)
            return
        job.ended = self._now()
        job.move("completed", job.ended)
        log.info("%s: completed, %s", job.id, job.reason)

    def _start(self, pool: Pool, job: Job, task: Task, node: Node) -> None:
        job.counts["running"] += 1
        node.tasks.add(task)
        task.node = node
        task.started = self._now()
        task.move("running", task.started)
        self.running[task] = asyncio.create_task(self._run(pool, job, task, node))
        self.running[task].add_done_callback(partial(self._stopped, job, task, node))

    async def _run(self, pool: Pool, job: Job, task: Task, node: Node) -> Outcome:
        outcome = await self.executor.execute(pool, job, task, node)
        while outcome.retriable and task.retries < _retries(job, task.body()):
            task.retries += 1
            outcome = await self.executor.execute(pool, job, task, node)
        return outcome

    def _stopped(self, job: Job, task: Task, node: Node, run: asyncio.Task[Outcome]) -> None:
        """Its process is no more: it has ended, or was stopped, maybe before it began."""
        self.running.pop(task, None)
        job.counts["running"] -= 1
        node.tasks.discard(task)
        node.ran += 1
        if not run.cancelled():
            self._finish(job, task, run.result())
        elif task.stopped or job.state in _CLOSING:
            self._finish(job, task, Outcome(None, _ENDED))
        else:
            self._requeue(job, task)

    def _requeue(self, job: Job, task: Task) -> None:
        task.requeues += 1
        task.node = None
        task.move("active", self._now())
        job.ready.appendleft(task)

    def _finish(self, job: Job, task: Task, outcome: Outcome) -> None:
        task.ended = self._now()
        task.exit_code, task.failure = outcome.exit_code, outcome.failure
        task.result = "success" if outcome.failure is None else "failure"
        task.move("completed", task.ended)
        job.counts["succeeded" if outcome.failure is None else "failed"] += 1
        if task.node and outcome.failure is None:
            task.node.succeeded += 1
        code = outcome.failure["code"] if outcome.failure else "Success"
        log.info("%s: task %s (%s): %s", job.id, task.id, task.body().get("displayName", ""), code)
        option = _exit_option(task.body(), outcome)
        if outcome.failure is None or option.get("dependencyAction") == "satisfy":
            self._satisfy(job, task)
        acts = job.body.get("onTaskFailure") == "performexitoptionsjobaction"
        if outcome.failure and acts and job.state == "active" and option.get("jobAction", "terminate") == "terminate":
            self.terminate(job, "TaskFailed")

    def _satisfy(self, job: Job, task: Task) -> None:
        job.satisfied.add(task.id.lower())
        for waiting in job.waiting.pop(task.id.lower(), []):
            waiting.unmet -= 1
            if not waiting.unmet and job.state in ("active", "disabled"):
                job.ready.append(waiting)


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
