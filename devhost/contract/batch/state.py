"""Jobs, tasks, pools and nodes as they stand; bodies stay as they were sent."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from devhost.contract.batch.autoscale.samples import Samples
from devhost.contract.clock import Clock, stamp

type Body = dict[str, Any]
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def seconds_of(duration: str | None) -> float | None:
    """The seconds of an ISO 8601 duration, or None where there is none."""
    match = _DURATION.fullmatch(duration or "")
    if match is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()


@dataclass(slots=True, eq=False)
class Node:
    """A simulated virtual machine."""

    id: str
    dedicated: bool
    slots: int
    ready_at: float
    folder: Path
    tasks: set["Task"] = field(default_factory=set)
    leaving: bool = False


@dataclass(slots=True, eq=False)
class Pool:
    """A pool; `quota` is how many nodes the region and the account have for it."""

    id: str
    body: Body
    created: datetime
    quota: int = 100
    nodes: dict[str, Node] = field(default_factory=dict)
    target_dedicated: int = 0
    target_low_priority: int = 0
    deallocation: str = "requeue"
    resize_errors: list[Body] = field(default_factory=list)
    run: Body | None = None
    samples: Samples = field(default_factory=Samples)
    preempted: deque[float] = field(default_factory=deque)
    next_evaluation: float = 0.0
    next_sample: float = 0.0
    made: int = 0

    @property
    def slots(self) -> int:
        """Tasks that a node runs at once."""
        return int(self.body.get("taskSlotsPerNode", 1))

    def identities(self) -> set[str]:
        """The resource ids of the identities that its nodes have, in lower case."""
        held = self.body.get("identity", {}).get("userAssignedIdentities", [])
        return {each["resourceId"].lower() for each in held}


@dataclass(slots=True, eq=False)
class Task:
    """A task; `content` is its body as sent, encoded: a hundred thousand of them fit into memory."""

    id: str
    content: bytes
    created: datetime
    changed: datetime
    state: str = "active"
    previous: str = ""
    unmet: int = 0
    retries: int = 0
    requeues: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    failure: Body | None = None
    result: str = ""
    node: Node | None = None
    folder: Path | None = None

    def body(self) -> Body:
        """The body as sent."""
        return dict(msgspec.json.decode(self.content))

    def move(self, state: str, now: datetime) -> None:
        """Change its state."""
        self.previous, self.state, self.changed = self.state, state, now


@dataclass(slots=True, eq=False)
class Job:
    """A job and its tasks; `ready` are those that a node may take, `waiting` those that need a task first."""

    id: str
    body: Body
    created: datetime
    changed: datetime
    state: str = "active"
    previous: str = ""
    tasks: dict[str, Task] = field(default_factory=dict)
    ready: deque[Task] = field(default_factory=deque)
    waiting: dict[str, list[Task]] = field(default_factory=dict)
    satisfied: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("running", "succeeded", "failed"), 0))
    ended: datetime | None = None
    reason: str = ""
    edition: int = 0

    @property
    def pool_id(self) -> str:
        """The pool that runs it."""
        return str(self.body["poolInfo"].get("poolId", ""))

    def move(self, state: str, now: datetime) -> None:
        """Change its state."""
        self.previous, self.state, self.changed = self.state, state, now
        self.edition += 1

    def active(self) -> int:
        """How many tasks wait, for a node or for others."""
        return len(self.tasks) - sum(self.counts.values())


@dataclass(slots=True)
class Account:
    """A Batch account: everything there is; ids are compared without case."""

    clock: Clock
    url: str
    root: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)

    def jobs_of(self, pool: Pool) -> Iterator[Job]:
        """The jobs that run on a pool, oldest first."""
        return (job for job in list(self.jobs.values()) if job.pool_id.lower() == pool.id.lower())


def describe_task(account: Account, job: Job, task: Task) -> Body:
    """The task as the service shows it."""
    info: Body = {"retryCount": task.retries, "requeueCount": task.requeues}
    for name, moment in (("startTime", task.started), ("endTime", task.ended)):
        if moment:
            info[name] = stamp(moment)
    for name, value in (("exitCode", task.exit_code), ("failureInfo", task.failure), ("result", task.result or None)):
        if value is not None:
            info[name] = value
    shown = task.body() | {
        "url": f"{account.url}/jobs/{job.id}/tasks/{task.id}",
        "eTag": f"0x{int(task.changed.timestamp() * 1e6):X}",
        "creationTime": stamp(task.created),
        "lastModified": stamp(task.changed),
        "state": task.state,
        "stateTransitionTime": stamp(task.changed),
        "executionInfo": info,
    }
    if task.previous:
        shown["previousState"] = task.previous
    if task.node:
        shown["nodeInfo"] = {"poolId": job.pool_id, "nodeId": task.node.id}
    return shown


def describe_job(account: Account, job: Job) -> Body:
    """The job as the service shows it."""
    info: Body = {"startTime": stamp(job.created), "poolId": job.pool_id}
    if job.ended:
        info |= {"endTime": stamp(job.ended), "terminateReason": job.reason}
    shown = {"onAllTasksComplete": "noaction", "onTaskFailure": "noaction", "priority": 0} | job.body
    return shown | {
        "url": f"{account.url}/jobs/{job.id}",
        "eTag": etag(job),
        "creationTime": stamp(job.created),
        "lastModified": stamp(job.changed),
        "state": job.state,
        "stateTransitionTime": stamp(job.changed),
        "executionInfo": info,
    }


def etag(job: Job) -> str:
    """The job's edition."""
    return f"0x{int(job.created.timestamp() * 1e6) + job.edition:X}"
