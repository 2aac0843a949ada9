"""How long the service takes over things, as recordings of it show, and how far behind its lists and counts are."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds. Tests and the local stack run with `faster`: everything is late, and nobody waits minutes for it."""

    counts_behind: float = 215.0
    lists_behind: float = 120.0
    """A completed task is listed as it was before, for so long."""
    terminating: float = 0.6
    deleting: float = 0.9
    deleting_with_nodes: float = 35.0
    job_without_tasks: float = 5.0
    """Stays active for at least so long, although it is to end with its tasks."""
    resizing: float = 1.5
    """A pool that has all its nodes already."""
    stopping: float = 5.0
    allocating: float = 54.0
    creating: float = 10.0
    starting: float = 10.0
    leaving_behind: float = 60.0
    """A node that was taken away is still listed, as preempted."""
    deleting_pool: float = 105.0
    between_formulas: float = 30.0
    """Seconds before a pool takes another formula."""

    def faster(self, speed: float) -> "Times":
        """All of it so many times faster; at an infinite speed nothing takes time."""
        return replace(self, **{each.name: getattr(self, each.name) / speed for each in fields(self)})
