"""How many nodes a pool has: the one autoscale formula, made for its settings.

Language and limits: https://learn.microsoft.com/azure/batch/batch-automatic-scaling
"""

from dataclasses import dataclass

INTERVAL = "PT5M"
"""How often Batch evaluates it; five minutes is the shortest there is."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the formula is made for: `tasks` at once per node, `warm_seconds` a node stays after the last task."""

    max_nodes: int
    tasks: int = 1
    spot: bool = False
    warm_seconds: int = 0


def formula(scale: Scale) -> str:
    """As many nodes as the tasks of the last minutes need, none without tasks, never stopping a running one.

    Samples can be missing: where few came in, the newest one counts. Spot nodes that were taken away are replaced by
    dedicated ones for as long as Batch counts them.
    """
    lines = [
        f"most = {scale.max_nodes};",
        f"slots = {scale.tasks};",
        "minutes = 3 * TimeInterval_Minute;",
        "known = $PendingTasks.GetSamplePercent(minutes);",
        "last = max(0, $PendingTasks.GetSample(1));",
        "tasks = known < 70 ? last : max(last, avg($PendingTasks.GetSample(minutes)));",
        "nodes = min(most, (tasks + slots - 1) / slots);",
        *_warm(scale.warm_seconds),
        *_targets(spot=scale.spot),
        "$NodeDeallocationOption = taskcompletion;",
    ]
    return "\n".join(lines)


def _warm(seconds: int) -> list[str]:
    if not seconds:
        return []
    busy = f"max($PendingTasks.GetSample({seconds} * TimeInterval_Second))"
    known = f"$PendingTasks.GetSamplePercent({seconds} * TimeInterval_Second)"
    return [f"nodes = max(nodes, {known} > 0 && {busy} > 0 ? 1 : 0);"]


def _targets(*, spot: bool) -> list[str]:
    if not spot:
        return ["$TargetDedicatedNodes = nodes;"]
    return [
        "lost = max(0, $PreemptedNodeCount.GetSample(1));",
        "$TargetDedicatedNodes = min(nodes, lost);",
        "$TargetLowPriorityNodes = nodes - $TargetDedicatedNodes;",
    ]
