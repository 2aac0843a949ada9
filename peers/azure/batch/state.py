"""What the service holds: pools and their nodes, jobs and their tasks. What is late is told by monotonic seconds."""

import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from peers.azure.batch.autoscale.samples import Samples
from peers.azure.batch.times import Times
from peers.azure.clock import Clock

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
    """A simulated virtual machine, by the times at which it is allocated, starts, and is ready for tasks."""

    id: str
    dedicated: bool
    slots: int
    folder: Path
    asked: datetime
    allocated_at: float
    starts_at: float
    ready_at: float
    tasks: set["Task"] = field(default_factory=set)
    leaving: bool = False
    preempted: bool = False
    ran: int = 0
    succeeded: int = 0

    def state(self) -> str:
        """Its state now; empty before it is there."""
        now = time.monotonic()
        if self.preempted:
            return "preempted"
        if now < self.allocated_at:
            return ""
        if now < self.ready_at:
            return "creating" if now < self.starts_at else "starting"
        return "leavingpool" if self.leaving else "running" if self.tasks else "idle"

    def takes_tasks(self) -> bool:
        """Whether a slot is free for a task."""
        return self.state() in ("idle", "running") and len(self.tasks) < self.slots


@dataclass(slots=True, eq=False)
class Pool:
    """A pool; `quota` is how many nodes the region and the account have for it, `lost` those taken away just now."""

    id: str
    body: Body
    created: datetime
    quota: int = 100
    state: str = "active"
    allocation: str = "steady"
    nodes: dict[str, Node] = field(default_factory=dict)
    lost: deque[tuple[float, Node]] = field(default_factory=deque)
    target_dedicated: int = 0
    target_low_priority: int = 0
    deallocation: str = "requeue"
    resize_errors: list[Body] = field(default_factory=list)
    run: Body | None = None
    samples: Samples = field(default_factory=Samples)
    preempted: deque[float] = field(default_factory=deque)
    stopped: bool = False
    settles_at: float = 0.0
    gone_at: float = 0.0
    takes_formula_at: float = 0.0
    next_evaluation: float = 0.0
    next_sample: float = 0.0
    made: int = 0
    changed: datetime = field(init=False)
    modified: datetime = field(init=False)
    allocation_changed: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.changed = self.modified = self.allocation_changed = self.created

    @property
    def slots(self) -> int:
        """Tasks that a node runs at once."""
        return int(self.body.get("taskSlotsPerNode", 1))

    @property
    def runs_containers(self) -> bool:
        """Whether its nodes run containers."""
        return "containerConfiguration" in self.body.get("virtualMachineConfiguration", {})

    def identities(self) -> set[str]:
        """The resource ids of the identities that its nodes have, in lower case."""
        held = self.body.get("identity", {}).get("userAssignedIdentities", [])
        return {each["resourceId"].lower() for each in held}

    def allocate(self, state: str, now: datetime) -> None:
        """Change what its allocation is at."""
        if state != self.allocation:
            self.allocation, self.allocation_changed = state, now


@dataclass(slots=True, eq=False)
class Task:
    """A task; `content` is its body as sent, encoded: a hundred thousand of them fit into memory.

    `node` is where it runs or ran; `stopped` says that a request has ended it.
    """

    id: str
    content: bytes
    created: datetime
    changed: datetime = field(init=False)
    modified: datetime = field(init=False)
    moved_at: float = field(default_factory=time.monotonic)
    state: str = "active"
    previous: str = ""
    previous_changed: datetime | None = None
    unmet: int = 0
    retries: int = 0
    requeues: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    failure: Body | None = None
    result: str = ""
    stopped: bool = False
    node: Node | None = None
    folder: Path | None = None

    def __post_init__(self) -> None:
        self.changed = self.modified = self.created

    def body(self) -> Body:
        """The body as sent."""
        return dict(msgspec.json.decode(self.content))

    def move(self, state: str, now: datetime) -> None:
        """Change its state."""
        self.previous, self.previous_changed = self.state, self.changed
        self.state, self.changed, self.moved_at = state, now, time.monotonic()

    def state_seen(self, behind: float) -> str:
        """Its state as something shows it that is so many seconds behind; empty where that has not heard of it."""
        return self.state if time.monotonic() - self.moved_at >= behind else self.previous


@dataclass(slots=True, eq=False)
class Job:
    """A job and its tasks; `ready` are those that a node may take, `waiting` those that need a task first."""

    id: str
    body: Body
    created: datetime
    changed: datetime = field(init=False)
    modified: datetime = field(init=False)
    modified_at: float = field(default_factory=time.monotonic)
    state: str = "active"
    previous: str = ""
    previous_changed: datetime | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    ready: deque[Task] = field(default_factory=deque)
    waiting: dict[str, list[Task]] = field(default_factory=dict)
    satisfied: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("running", "succeeded", "failed"), 0))
    ended: datetime | None = None
    ends_at: float = 0.0
    stopping: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        self.changed = self.modified = self.created

    @property
    def pool_id(self) -> str:
        """The pool that runs it."""
        return str(self.body["poolInfo"].get("poolId", ""))

    def move(self, state: str, now: datetime) -> None:
        """Change its state; what it was while it ended is not remembered."""
        if self.state != "terminating":
            self.previous, self.previous_changed = self.state, self.changed
        self.state, self.changed = state, now

    def modify(self, now: datetime) -> None:
        """Note that a request has changed it."""
        self.modified, self.modified_at = now, time.monotonic()

    def active(self) -> int:
        """How many tasks wait, for a node or for others."""
        return len(self.tasks) - sum(self.counts.values())


@dataclass(slots=True)
class Account:
    """A Batch account: everything there is; ids are compared without case. `job_quota` is how many jobs may be open."""

    clock: Clock
    url: str
    root: Path
    times: Times
    jobs: dict[str, Job] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    job_quota: int = 300

    def jobs_of(self, pool: Pool) -> Iterator[Job]:
        """The jobs that run on a pool, oldest first."""
        return (job for job in list(self.jobs.values()) if job.pool_id.lower() == pool.id.lower())
