"""Jobs, environments and clusters as they stand, and how the services show them."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from devhost.contract.batch.state import seconds_of
from devhost.contract.clock import Clock, stamp

type Body = dict[str, Any]
ENDED = ("Completed", "Failed", "Canceled")


@dataclass(slots=True, eq=False)
class Job:
    """A command job."""

    id: str
    body: Body
    created: datetime
    status: str = "NotStarted"
    started: datetime | None = None
    ended: datetime | None = None
    error: Body | None = None
    work: asyncio.Task[None] | None = None
    folder: Path | None = None
    starts: int = 0

    @property
    def nodes(self) -> int:
        """How many nodes it needs, all at once."""
        return int((self.body["properties"].get("resources") or {}).get("instanceCount", 1))

    @property
    def ranks(self) -> int:
        """How many processes it has, on all its nodes."""
        distribution = self.body["properties"].get("distribution") or {}
        return self.nodes * int(distribution.get("processCountPerInstance") or 1) if distribution else 1

    @property
    def limit(self) -> float | None:
        """Seconds that it may run."""
        return seconds_of((self.body["properties"].get("limits") or {}).get("timeout"))

    def last(self, part: str) -> str:
        """The last segment of one of the ids that it names."""
        return str(self.body["properties"][part]).rpartition("/")[2]


@dataclass(slots=True, eq=False)
class Cluster:
    """A compute cluster; `quota` is how many nodes the region has for it."""

    name: str
    body: Body
    created: datetime
    ready_at: float
    quota: int = 100
    nodes: int = 0
    busy: int = 0
    coming: list[float] = field(default_factory=list)
    queue: deque[tuple[Job, asyncio.Event]] = field(default_factory=deque)
    idle_since: float = 0.0
    most: int = 0

    @property
    def scale(self) -> Body:
        """Its limits."""
        return dict(self.body["properties"]["properties"]["scaleSettings"])

    @property
    def wanted(self) -> int:
        """Nodes that the jobs in work and in waiting need, as far as it may have them."""
        needed = self.busy + sum(job.nodes for job, _ in self.queue)
        return max(int(self.scale.get("minNodeCount", 0)), min(int(self.scale["maxNodeCount"]), needed))


@dataclass(slots=True)
class Workspace:
    """All there is in a workspace; ids are compared as sent."""

    clock: Clock
    resource: str
    url: str
    root: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    environments: dict[tuple[str, str], Body] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)

    def shown(self, kind: str, part: str, properties: Body, created: datetime) -> Body:
        """A resource in Resource Manager's envelope."""
        return {
            "id": f"{self.resource}/{part}",
            "name": part.rpartition("/")[2],
            "type": f"Microsoft.MachineLearningServices/workspaces/{kind}",
            "systemData": {"createdAt": stamp(created), "createdBy": "tally", "createdByType": "Application"},
            "properties": properties,
        }

    def job(self, job: Job) -> Body:
        """A job as the service shows it."""
        services = {"Studio": {"jobServiceType": "Studio", "endpoint": f"{self.url}/runs/{job.id}"}}
        properties = job.body["properties"] | {"status": job.status, "services": services}
        return self.shown("jobs", f"jobs/{job.id}", properties, job.created)

    def cluster(self, cluster: Cluster, now: float) -> Body:
        """A cluster as the service shows it."""
        short = cluster.nodes + len(cluster.coming) < cluster.wanted
        missing = {"code": "ClusterCoreQuotaReached", "message": f"{cluster.name} needs more cores than the quota has."}
        machines = cluster.body["properties"]["properties"] | {
            "allocationState": "Resizing" if cluster.coming else "Steady",
            "currentNodeCount": cluster.nodes,
            "targetNodeCount": cluster.wanted,
            "errors": [{"error": missing}] if short and cluster.quota < cluster.wanted else [],
        }
        properties = cluster.body["properties"] | {
            "provisioningState": "Succeeded" if cluster.ready_at <= now else "Creating",
            "properties": machines,
        }
        shown = self.shown("computes", f"computes/{cluster.name}", properties, cluster.created)
        return shown | {name: value for name, value in cluster.body.items() if name in ("location", "identity")}
