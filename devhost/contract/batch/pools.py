"""What can be asked of pools."""

from devhost.contract.batch.autoscale.syntax import FormulaError
from devhost.contract.batch.listing import answer_list
from devhost.contract.batch.scaling import Scaling
from devhost.contract.batch.state import Account, Body, Pool, seconds_of
from devhost.contract.clock import stamp
from devhost.contract.exchange import Answer, Refusal, Request

SHORTEST_INTERVAL = 300


class Pools:
    """The operations on pools."""

    def __init__(self, account: Account, scaling: Scaling) -> None:
        self._account = account
        self._scaling = scaling

    def create(self, request: Request) -> Answer:
        body: Body = request.json()
        if "identity" in body:
            raise Refusal(400, "InvalidRequestBody", "Pools with an identity are made through the management plane.")
        self.add(body)
        return Answer(201, None, {"location": f"{self._account.url}/pools/{body['id']}"})

    def add(self, body: Body) -> Pool:
        """A new pool; raises Refusal."""
        if body["id"].lower() in self._account.pools:
            raise Refusal(409, "PoolExists", "The specified pool already exists.")
        _check_scaling(body)
        pool = Pool(body["id"], body, self._account.clock.now())
        pool.target_dedicated = body.get("targetDedicatedNodes", 0)
        pool.target_low_priority = body.get("targetLowPriorityNodes", 0)
        self._account.pools[pool.id.lower()] = pool
        return pool

    def get(self, request: Request, poolId: str) -> Answer:  # noqa: N803 - the contract's own name
        return Answer(200, self._described(self.find(poolId)))

    def list(self, request: Request) -> Answer:
        return answer_list(request, map(self._described, self._account.pools.values()))

    def delete(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        for node in list(pool.nodes.values()):
            self._scaling.scheduler.preempt(pool, node)
        del self._account.pools[pool.id.lower()]
        return Answer(202)

    def resize(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        if pool.body.get("enableAutoScale"):
            raise Refusal(409, "PoolAutoScaleEnabled", "A pool that scales by itself is not resized.")
        body: Body = request.json()
        pool.target_dedicated = body.get("targetDedicatedNodes", pool.target_dedicated)
        pool.target_low_priority = body.get("targetLowPriorityNodes", pool.target_low_priority)
        pool.deallocation = body.get("nodeDeallocationOption", "requeue")
        return Answer(202)

    def enable_auto_scale(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        changed = pool.body | {"enableAutoScale": True} | request.json()
        _check_scaling(changed)
        self._computed(pool, changed["autoScaleFormula"])
        pool.body = changed
        pool.next_evaluation = 0.0
        return Answer(200)

    def evaluate(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        results = self._computed(pool, request.json()["autoScaleFormula"])
        return Answer(200, {"timestamp": stamp(self._account.clock.now()), "results": results})

    def node_counts(self, request: Request) -> Answer:
        rows = []
        for pool in self._account.pools.values():
            kinds = {"dedicated": True, "lowPriority": False}
            rows.append({"poolId": pool.id} | {name: _count(pool, dedicated=kind) for name, kind in kinds.items()})
        return answer_list(request, rows)

    def find(self, pool_id: str) -> Pool:
        """The pool; raises Refusal."""
        pool = self._account.pools.get(pool_id.lower())
        if pool is None:
            raise Refusal(404, "PoolNotFound", "The specified pool does not exist.")
        return pool

    def _computed(self, pool: Pool, formula: str) -> str:
        try:
            return self._scaling.computed(pool, formula).results
        except FormulaError as error:
            raise Refusal(400, "AutoScalingFormulaEvaluationError", str(error)) from error

    def _described(self, pool: Pool) -> Body:
        nodes = list(pool.nodes.values())
        dedicated = sum(node.dedicated for node in nodes)
        hidden = ("targetDedicatedNodes", "targetLowPriorityNodes")
        shown = {name: value for name, value in pool.body.items() if name not in hidden} | {
            "url": f"{self._account.url}/pools/{pool.id}",
            "eTag": f"0x{int(pool.created.timestamp() * 1e6):X}",
            "creationTime": stamp(pool.created),
            "lastModified": stamp(pool.created),
            "state": "active",
            "stateTransitionTime": stamp(pool.created),
            "allocationState": "steady",
            "currentDedicatedNodes": dedicated,
            "currentLowPriorityNodes": len(nodes) - dedicated,
            "targetDedicatedNodes": pool.target_dedicated,
            "targetLowPriorityNodes": pool.target_low_priority,
        }
        if pool.resize_errors:
            shown["resizeErrors"] = pool.resize_errors
        return shown | ({"autoScaleRun": pool.run} if pool.run else {})


def _count(pool: Pool, *, dedicated: bool) -> Body:
    states = ("creating", "idle", "offline", "preempted", "rebooting", "reimaging", "running", "starting",
              "startTaskFailed", "leavingPool", "unknown", "unusable", "waitingForStartTask", "deallocated",
              "deallocating", "upgradingOS")  # fmt: skip
    nodes = [node for node in pool.nodes.values() if node.dedicated is dedicated]
    busy = sum(bool(node.tasks) for node in nodes)
    return dict.fromkeys(states, 0) | {"running": busy, "idle": len(nodes) - busy, "total": len(nodes)}


def _check_scaling(body: Body) -> None:
    interval = seconds_of(body.get("autoScaleEvaluationInterval"))
    if interval is not None and interval < SHORTEST_INTERVAL:
        raise Refusal(400, "InvalidPropertyValue", "The evaluation interval is shorter than 5 minutes.")
    fixed = {"targetDedicatedNodes", "targetLowPriorityNodes"} & body.keys()
    if body.get("enableAutoScale") and (fixed or "autoScaleFormula" not in body):
        raise Refusal(400, "InvalidPropertyValue", "A pool that scales by itself has a formula and no targets.")
