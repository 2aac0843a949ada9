"""Nodes that come, go and are taken away: what the pool's autoscale formula or its fixed targets ask for."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from peers.azure.batch.autoscale.evaluation import Targets, Value, evaluate
from peers.azure.batch.autoscale.samples import PERIOD
from peers.azure.batch.autoscale.syntax import FormulaError
from peers.azure.batch.describe import stamp
from peers.azure.batch.refusals import sentence
from peers.azure.batch.scheduler import Scheduler
from peers.azure.batch.state import Account, Body, Node, Pool, seconds_of
from peers.azure.batch.times import Times

DEFAULT_INTERVAL = 900.0
PREEMPTED_SECONDS = 60.0


def formula_error(error: FormulaError) -> Body:
    """What the service says of a formula that fails: always the same sentence, and the cause as a value."""
    said = "The specified auto-scaling formula has evaluation error"
    values = [{"name": "Message", "value": str(error)}]
    return {"code": "AutoScalingFormulaEvaluationError", "message": said, "values": values}


@dataclass(slots=True)
class Scaling:
    """Samples, formulas and nodes; `speed` is how many times faster than in Azure a pool's time passes here."""

    account: Account
    scheduler: Scheduler
    root: Path
    speed: float

    async def live(self) -> None:
        """Keep all pools as they should be, until cancelled."""
        while True:
            for pool in list(self.account.pools.values()):
                self.tend(pool)
            await asyncio.sleep(0.01)

    def now(self) -> float:
        """The time of pools, in seconds."""
        return time.monotonic() * self.speed

    def tend(self, pool: Pool) -> None:
        """Take samples and evaluate the formula when due, then add and remove nodes."""
        while pool.lost and pool.lost[0][0] <= time.monotonic():
            pool.lost.popleft()
        if pool.state == "deleting":
            if time.monotonic() >= pool.gone_at:
                self.account.pools.pop(pool.id.lower(), None)
            return
        now = self.now()
        if pool.next_sample <= now:
            pool.next_sample = now + PERIOD
            pool.samples.take(now, self.variables(pool))
        if pool.body.get("enableAutoScale") and pool.next_evaluation <= now:
            interval = seconds_of(pool.body.get("autoScaleEvaluationInterval")) or DEFAULT_INTERVAL
            pool.next_evaluation = now + interval
            self._evaluate(pool)
        self._resize(pool)

    def variables(self, pool: Pool) -> dict[str, float]:
        """What a formula can see now."""
        jobs = list(self.account.jobs_of(pool))
        running = sum(job.counts["running"] for job in jobs)
        ready = sum(len(job.ready) for job in jobs)
        recent = [when for when in pool.preempted if when > self.now() - PREEMPTED_SECONDS]
        dedicated = sum(node.dedicated for node in pool.nodes.values())
        return {
            "$ActiveTasks": ready,
            "$RunningTasks": running,
            "$PendingTasks": ready + running,
            "$SucceededTasks": sum(job.counts["succeeded"] for job in jobs),
            "$FailedTasks": sum(job.counts["failed"] for job in jobs),
            "$CurrentDedicatedNodes": dedicated,
            "$CurrentLowPriorityNodes": len(pool.nodes) - dedicated,
            "$PreemptedNodeCount": len(recent),
        }

    def computed(self, pool: Pool, formula: str) -> Targets:
        """What a formula asks for now; raises FormulaError."""
        current: dict[str, Value] = {
            "$TargetDedicatedNodes": float(pool.target_dedicated),
            "$TargetLowPriorityNodes": float(pool.target_low_priority),
            "$NodeDeallocationOption": "requeue",
        }
        return evaluate(formula, pool.samples, self.now(), current)

    def results(self, pool: Pool) -> str:
        """The targets as they are, in the form of a formula's results."""
        return self.computed(pool, "").results

    def preempt(self, pool: Pool) -> Node | None:
        """Take one spot node away, a busy one if there is one."""
        spot = [node for node in pool.nodes.values() if not node.dedicated]
        node = max(spot, key=lambda each: len(each.tasks), default=None)
        if node:
            pool.preempted.append(self.now())
            self.scheduler.preempt(pool, node)
        return node

    def delete(self, pool: Pool) -> None:
        """Take all nodes away, and the pool in a while."""
        pool.state, pool.changed = "deleting", self.account.clock.now()
        pool.modified = pool.changed
        pool.gone_at = time.monotonic() + self.account.times.deleting_pool
        pool.target_dedicated = pool.target_low_priority = 0
        pool.allocate("resizing", pool.changed)
        for node in list(pool.nodes.values()):
            self.scheduler.preempt(pool, node)

    def resized(self, pool: Pool) -> None:
        """Note that somebody has given the pool other targets."""
        pool.stopped, pool.resize_errors = False, []
        pool.settles_at = time.monotonic() + self.account.times.resizing
        pool.allocate("resizing", self.account.clock.now())

    def stop(self, pool: Pool) -> None:
        """Stop a resize: nodes that have not come do not come any more."""
        pool.stopped = True
        pool.settles_at = time.monotonic() + self.account.times.stopping
        pool.allocate("stopping", self.account.clock.now())
        for node in [each for each in pool.nodes.values() if not each.state()]:
            del pool.nodes[node.id]

    def _evaluate(self, pool: Pool) -> None:
        pool.run = {"timestamp": stamp(self.account.clock.now())}
        try:
            targets = self.computed(pool, pool.body["autoScaleFormula"])
        except FormulaError as error:
            pool.run |= {"results": self.results(pool), "error": formula_error(error)}
            return
        pool.run["results"] = targets.results
        pool.target_dedicated = targets.dedicated or 0
        pool.target_low_priority = targets.low_priority or 0
        pool.deallocation = targets.deallocation

    def _resize(self, pool: Pool) -> None:
        settled, errors = time.monotonic() >= pool.settles_at, list[Body]()
        for dedicated, target in ((True, pool.target_dedicated), (False, pool.target_low_priority)):
            nodes = [node for node in pool.nodes.values() if node.dedicated is dedicated]
            missing = target - len(nodes)
            if missing > 0 and pool.stopped:
                errors += [_stopped(dedicated=dedicated)] if settled else []
            elif missing > 0:
                errors += self._add(pool, missing, dedicated=dedicated)
            for node in sorted(nodes, key=lambda each: len(each.tasks))[: max(0, -missing)]:
                self._remove(pool, node)
        pool.resize_errors = errors
        if settled:
            waits = any(not node.state() or node.leaving for node in pool.nodes.values())
            pool.allocate("resizing" if waits else "steady", self.account.clock.now())

    def _add(self, pool: Pool, missing: int, *, dedicated: bool) -> list[Body]:
        """Add nodes as far as the quota goes; what keeps the others from coming."""
        room = max(0, pool.quota - len(pool.nodes))
        for _ in range(min(room, missing)):
            pool.made += 1
            kind = "d" if dedicated else "p"
            node = self._node(pool, f"tvmps_{secrets.token_hex(32)}_{kind}", dedicated=dedicated)
            pool.nodes[node.id] = node
        if missing <= room:
            return []
        code = "AccountCoreQuotaReached" if dedicated else "AccountLowPriorityCoreQuotaReached"
        return [{"code": code, "message": sentence(code)}]

    def _node(self, pool: Pool, name: str, *, dedicated: bool) -> Node:
        times, now = Times().faster(self.speed), time.monotonic()
        allocated = now + times.allocating
        starts = allocated + times.creating
        folder, ready = self.root / pool.id / f"node-{pool.made}", starts + times.starting
        return Node(name, dedicated, pool.slots, folder, self.account.clock.now(), allocated, starts, ready)

    def _remove(self, pool: Pool, node: Node) -> None:
        if not node.tasks:
            pool.nodes.pop(node.id)
        elif pool.deallocation == "taskcompletion":
            node.leaving = True
        else:
            self.scheduler.preempt(pool, node)


def _stopped(*, dedicated: bool) -> Body:
    kind = "dedicated" if dedicated else "low priority"
    said = f"Desired number of {kind} nodes could not be allocated due to a stop resize operation"
    return {"code": "ResizeStopped", "message": said}
