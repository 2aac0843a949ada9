"""Nodes that come, go and are taken away: what the pool's autoscale formula or its fixed targets ask for."""

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from devhost.contract.batch.autoscale.evaluation import Targets, evaluate
from devhost.contract.batch.autoscale.samples import PERIOD
from devhost.contract.batch.autoscale.syntax import FormulaError
from devhost.contract.batch.scheduler import Scheduler
from devhost.contract.batch.state import Account, Node, Pool, seconds_of
from devhost.contract.clock import stamp

DEFAULT_INTERVAL = 900.0
PREEMPTED_SECONDS = 60.0


@dataclass(slots=True)
class Scaling:
    """Samples, formulas and nodes; `speed` is how many times faster than in Azure a pool's time passes here."""

    account: Account
    scheduler: Scheduler
    root: Path
    speed: float
    boot_seconds: float = 120.0

    async def live(self) -> None:
        """Keep all pools as they should be, until cancelled."""
        while True:
            for pool in list(self.account.pools.values()):
                self.tend(pool)
            await asyncio.sleep(0.01)

    def now(self) -> float:
        """The time of pools, in seconds."""
        return asyncio.get_running_loop().time() * self.speed

    def tend(self, pool: Pool) -> None:
        """Take samples and evaluate the formula when due, then add and remove nodes."""
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
        current = {
            "$TargetDedicatedNodes": float(pool.target_dedicated),
            "$TargetLowPriorityNodes": float(pool.target_low_priority),
        }
        return evaluate(formula, pool.samples, self.now(), current)

    def preempt(self, pool: Pool) -> Node | None:
        """Take one spot node away, a busy one if there is one."""
        spot = [node for node in pool.nodes.values() if not node.dedicated]
        node = max(spot, key=lambda each: len(each.tasks), default=None)
        if node:
            pool.preempted.append(self.now())
            self.scheduler.preempt(pool, node)
        return node

    def _evaluate(self, pool: Pool) -> None:
        pool.run = {"timestamp": stamp(self.account.clock.now())}
        try:
            targets = self.computed(pool, pool.body["autoScaleFormula"])
        except FormulaError as error:
            pool.run["error"] = {"code": "AutoScalingFormulaEvaluationError", "message": str(error)}
            return
        pool.run["results"] = targets.results
        pool.target_dedicated = targets.dedicated or 0
        pool.target_low_priority = targets.low_priority or 0
        pool.deallocation = targets.deallocation

    def _resize(self, pool: Pool) -> None:
        pool.resize_errors = []
        for dedicated, target in ((True, pool.target_dedicated), (False, pool.target_low_priority)):
            nodes = [node for node in pool.nodes.values() if node.dedicated is dedicated]
            for _ in range(target - len(nodes)):
                self._add(pool, dedicated=dedicated)
            for node in sorted(nodes, key=lambda each: len(each.tasks))[: max(0, len(nodes) - target)]:
                self._remove(pool, node)

    def _add(self, pool: Pool, *, dedicated: bool) -> None:
        if len(pool.nodes) >= pool.quota:
            pool.resize_errors = [
                {"code": "AccountCoreQuotaReached", "message": "The account's core quota for this VM size is reached."}
            ]
            return
        pool.made += 1
        node_id = f"tvm-{pool.made:010d}_{secrets.token_hex(4)}"
        boot = self.boot_seconds / self.speed
        ready = asyncio.get_running_loop().time() + boot
        pool.nodes[node_id] = Node(node_id, dedicated, pool.slots, ready, self.root / pool.id / node_id)

    def _remove(self, pool: Pool, node: Node) -> None:
        if not node.tasks:
            pool.nodes.pop(node.id)
        elif pool.deallocation == "taskcompletion":
            node.leaving = True
        else:
            self.scheduler.preempt(pool, node)
