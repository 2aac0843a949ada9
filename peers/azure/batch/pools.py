"""What can be asked of pools and nodes."""

import time
from collections.abc import Iterator

from peers.azure.batch.autoscale.syntax import FormulaError
from peers.azure.batch.describe import describe_node, describe_pool, etag, stamp
from peers.azure.batch.listing import answer_list, selected
from peers.azure.batch.refusals import invalid, refusal
from peers.azure.batch.scaling import Scaling, formula_error
from peers.azure.batch.state import Account, Body, Node, Pool, seconds_of
from peers.azure.clock import http_date
from peers.azure.exchange import Answer, Request

SHORTEST_INTERVAL = 300
TARGETS = ("targetDedicatedNodes", "targetLowPriorityNodes")


class Pools:
    """The operations on pools."""

    def __init__(self, account: Account, scaling: Scaling) -> None:
        self._account = account
        self._scaling = scaling

    def create(self, request: Request) -> Answer:
        body: Body = request.json()
        if "identity" in body:
            raise invalid("identity", "", "Pools with an identity are made through the management plane")
        pool = self.add(body)
        place = f"{self._account.url}/pools/{body['id']}"
        return Answer(201, None, _edition(pool) | {"location": place, "dataserviceid": place})

    def add(self, body: Body) -> Pool:
        """A new pool; raises Refusal."""
        held = self._account.pools.get(body["id"].lower())
        if held:
            raise refusal(409, "PoolBeingDeleted" if held.state == "deleting" else "PoolExists")
        _check_scaling(body)
        targets = [body.get(name, 0) for name in TARGETS]
        kept = {name: value for name, value in body.items() if name not in TARGETS}
        pool = Pool(body["id"], kept, self._account.clock.now())
        pool.target_dedicated, pool.target_low_priority = targets
        self._scaling.resized(pool)
        self._account.pools[pool.id.lower()] = pool
        return pool

    def get(self, request: Request, poolId: str) -> Answer:  # noqa: N803 - the contract's own name
        pool = self.find(poolId)
        shown = selected(request, describe_pool(self._account, pool))
        return Answer(200, shown, _edition(pool), partial="$select" in request.query)

    def list(self, request: Request) -> Answer:
        return answer_list(request, (describe_pool(self._account, pool) for pool in self._account.pools.values()))

    def delete(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        if pool.state == "deleting":
            raise refusal(409, "PoolBeingDeleted")
        self._scaling.delete(pool)
        return Answer(202)

    def resize(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool, body = self.find(poolId), request.json()
        if not any(name in body for name in TARGETS):
            raise refusal(400, "MissingRequiredProperty", PropertyName=" and/or ".join(TARGETS))
        if pool.body.get("enableAutoScale"):
            raise refusal(409, "PoolAutoScaleEnabled")
        pool.target_dedicated = body.get("targetDedicatedNodes", pool.target_dedicated)
        pool.target_low_priority = body.get("targetLowPriorityNodes", pool.target_low_priority)
        pool.deallocation = body.get("nodeDeallocationOption", "requeue")
        pool.body["resizeTimeout"] = body.get("resizeTimeout", "PT15M")
        self._scaling.resized(pool)
        return self._accepted(request, pool)

    def stop_resize(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        self._scaling.stop(pool)
        return self._accepted(request, pool)

    def enable_auto_scale(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        if time.monotonic() < pool.takes_formula_at:
            raise refusal(503, "TooManyEnableAutoScaleRequests")
        changed = pool.body | {"enableAutoScale": True} | request.json()
        _check_scaling(changed)
        try:
            self._scaling.computed(pool, changed["autoScaleFormula"])
        except FormulaError as error:
            raise invalid("autoScaleFormula", changed["autoScaleFormula"], str(error)) from error
        pool.body, pool.next_evaluation = changed, 0.0
        pool.takes_formula_at = time.monotonic() + self._account.times.between_formulas
        self._scaling.resized(pool)
        return self._accepted(request, pool, 200)

    def disable_auto_scale(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        pool.body["enableAutoScale"] = False
        for name in ("autoScaleFormula", "autoScaleEvaluationInterval"):
            pool.body.pop(name, None)
        pool.run = None
        return self._accepted(request, pool, 200)

    def evaluate(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        """What a formula asks for; one that fails is answered with 200 as well, and with the cause in the body."""
        pool = self.find(poolId)
        run: Body = {"timestamp": stamp(self._account.clock.now())}
        try:
            run["results"] = self._scaling.computed(pool, request.json()["autoScaleFormula"]).results
        except FormulaError as error:
            run |= {"results": self._scaling.results(pool), "error": formula_error(error)}
        return Answer(200, run, {"dataserviceid": self._id(request)})

    def nodes(self, request: Request, poolId: str) -> Answer:  # noqa: N803
        pool, now = self.find(poolId), self._account.clock.now()
        return answer_list(request, (describe_node(self._account, pool, node, now) for node in _shown(pool)))

    def node(self, request: Request, poolId: str, nodeId: str) -> Answer:  # noqa: N803
        pool = self.find(poolId)
        node = next((each for each in _shown(pool) if each.id == nodeId), None)
        if node is None:
            raise refusal(404, "NodeNotFound")
        return Answer(200, describe_node(self._account, pool, node, self._account.clock.now()))

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
            raise refusal(404, "PoolNotFound")
        return pool

    def _id(self, request: Request) -> str:
        return f"{self._account.url}/{'/'.join(request.parts)}"

    def _accepted(self, request: Request, pool: Pool, status: int = 202) -> Answer:
        pool.modified = self._account.clock.now()
        return Answer(status, None, _edition(pool) | {"dataserviceid": self._id(request)})


def _edition(pool: Pool) -> dict[str, str]:
    return {"etag": etag(pool.modified), "last-modified": http_date(pool.modified)}


def _shown(pool: Pool) -> Iterator[Node]:
    return (node for node in (*pool.nodes.values(), *(node for _, node in pool.lost)) if node.state())


def _count(pool: Pool, *, dedicated: bool) -> Body:
    states = ("creating", "idle", "offline", "preempted", "rebooting", "reimaging", "running", "starting",
              "startTaskFailed", "leavingPool", "unknown", "unusable", "waitingForStartTask", "deallocated",
              "deallocating", "upgradingOS")  # fmt: skip
    names = {name.lower(): name for name in states}
    counts: Body = dict.fromkeys(states, 0)
    nodes = [node for node in _shown(pool) if node.dedicated is dedicated]
    for node in nodes:
        counts[names[node.state()]] += 1
    return counts | {"total": len(nodes)}


def _check_scaling(body: Body) -> None:
    interval = seconds_of(body.get("autoScaleEvaluationInterval"))
    if interval is not None and interval < SHORTEST_INTERVAL:
        text = body["autoScaleEvaluationInterval"]
        raise invalid("autoScaleEvaluationInterval", text, "The evaluation interval is shorter than 5 minutes")
    if not body.get("enableAutoScale"):
        return
    if "autoScaleFormula" not in body:
        raise refusal(400, "MissingRequiredProperty", PropertyName="autoScaleFormula")
    if fixed := sorted(set(TARGETS) & body.keys()):
        raise invalid(fixed[0], body[fixed[0]], "A pool that scales by itself has no targets")
