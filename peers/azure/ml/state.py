"""Jobs, environments and clusters as they stand; shown.py says how the services show them."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from peers.azure.batch.state import seconds_of
from peers.azure.clock import Clock

type Body = dict[str, Any]
ENDED = ("Completed", "Failed", "Canceled")


@dataclass(slots=True, eq=False)
class Job:
    """A command job: `body` is what was sent, `changed` what later requests changed of it."""

    id: str
    body: Body
    created: datetime
    status: str = "NotStarted"
    changed: Body = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None
    error: Body | None = None
    work: asyncio.Task[None] | None = None
    folder: Path | None = None
    starts: int = 0
    placed: bool = False

    @property
    def nodes(self) -> int:
        """How many nodes it needs, all at once."""
        return int((self.body["properties"].get("resources") or {}).get("instanceCount") or 1)

    @property
    def ranks(self) -> int:
        """How many processes it has, on all its nodes."""
        distribution = self.body["properties"].get("distribution") or {}
        return self.nodes * int(distribution.get("processCountPerInstance") or 1) if distribution else 1

    @property
    def limit(self) -> float | None:
        """Seconds that it may run."""
        return seconds_of((self.body["properties"].get("limits") or {}).get("timeout"))

    @property
    def environment(self) -> tuple[str, str] | None:
        """Name and version of its environment; None for one of those that the service itself offers."""
        place = str(self.body["properties"]["environmentId"])
        if place.startswith("azureml:AzureML-"):
            return None
        *_, name, _, version = place.replace(":", "/versions/").split("/")
        return name, version

    def last(self, part: str) -> str:
        """The last segment of one of the ids that it names."""
        return str(self.body["properties"].get(part) or "").rpartition("/")[2]


@dataclass(slots=True, eq=False)
class Cluster:
    """A compute cluster; `quota` is how many nodes the region has for it, times are those of the event loop.

    Its nodes are counted from `steady_at` on, and come from `ready_at` on.
    """

    name: str
    body: Body
    created: datetime
    ready_at: float
    steady_at: float = 0.0
    quota: int = 100
    nodes: int = 0
    busy: int = 0
    coming: list[float] = field(default_factory=list)
    leaving_until: float = 0.0
    queue: deque[tuple[Job, asyncio.Event]] = field(default_factory=deque)
    idle_since: float = 0.0
    most: int = 0
    modified: datetime | None = None

    @property
    def scale(self) -> Body:
        """Its limits."""
        return dict(self.body["properties"]["properties"]["scaleSettings"])

    @property
    def wanted(self) -> int:
        """Nodes that the jobs in work and in waiting need, as far as it may have them."""
        needed = self.busy + sum(job.nodes for job, _ in self.queue)
        return max(int(self.scale.get("minNodeCount") or 0), min(int(self.scale["maxNodeCount"]), needed))


@dataclass(slots=True, eq=False)
class Environment:
    """A version of an environment, which stays as it was made."""

    body: Body
    created: datetime


@dataclass(slots=True)
class Workspace:
    """All there is in a workspace, whose region has `cores` for new clusters; ids are compared as sent."""

    clock: Clock
    resource: str
    url: str
    root: Path
    cores: int = 100
    jobs: dict[str, Job] = field(default_factory=dict)
    environments: dict[tuple[str, str], Environment] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
