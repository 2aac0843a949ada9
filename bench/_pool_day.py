"""A day of a pool, simulated: hourly runs and bursts of videos, nodes as the pool's own formula asks for them."""

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from peers.azure.batch.autoscale.evaluation import evaluate
from peers.azure.batch.autoscale.samples import PERIOD, Samples
from shared.compute.azure_batch.formula import Scale, formula

DAY = 86_400
STEP = 5
INTERVAL = 300
BOOT = 150
"""Seconds from asking for a node to its first task, image pulled: an assumption."""
LOST_PER_HOUR = 0.1
"""How often a spot node is taken away: an assumption."""
RUNS = tuple((hour * 3600 + 300 + hour * 47 % INTERVAL, 8, 180) for hour in range(24))
VIDEOS = tuple((hour * 3600 + 60 * n, 20, 240) for hour in (10, 15) for n in range(6))
"""When, how many tasks, how long each. Runs begin anywhere between two evaluations of the formula."""


@dataclass(slots=True)
class Node:
    """A node; `task` is what it runs and until when."""

    spot: bool
    ready: int
    task: tuple[int, int] | None = None


@dataclass(slots=True)
class Day:
    """What a day was like: per minute nodes and waiting tasks, per run how long it waited and took."""

    nodes: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    first_task: list[int] = field(default_factory=list)
    took: list[int] = field(default_factory=list)
    dedicated_hours: float = 0.0
    spot_hours: float = 0.0
    lost: int = 0

    def wait(self) -> float:
        """Median minutes from a submission to its first task."""
        return median(self.first_task) / 60

    def duration(self) -> float:
        """Median minutes from a submission to its last task's end."""
        return median(self.took) / 60


@dataclass(slots=True)
class _Pool:
    """The pool while the day passes."""

    scale: Scale
    rng: random.Random
    day: Day = field(default_factory=Day)
    samples: Samples = field(default_factory=Samples)
    nodes: list[Node] = field(default_factory=list)
    queue: deque[tuple[int, int]] = field(default_factory=deque)  # run, seconds
    left: dict[int, int] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)
    lost_lately: deque[int] = field(default_factory=deque)
    targets: tuple[int, int] = (0, 0)

    def step(self, now: int) -> None:
        self._end_tasks(now)
        self._lose_nodes(now)
        if now % PERIOD == 0:
            self.samples.take(now, self._variables(now))
        if now % INTERVAL == 0:
            asked = evaluate(formula(self.scale), self.samples, now, {})
            self.targets = asked.dedicated or 0, asked.low_priority or 0
        self._resize(now)
        self._start_tasks(now)
        spot = sum(node.spot for node in self.nodes)
        self.day.spot_hours += spot * STEP / 3600
        self.day.dedicated_hours += (len(self.nodes) - spot) * STEP / 3600
        if now % 60 == 0:
            self.day.nodes.append(len(self.nodes))
            self.day.waiting.append(len(self.queue))

    def _variables(self, now: int) -> dict[str, float]:
        while self.lost_lately and self.lost_lately[0] < now - 60:
            self.lost_lately.popleft()
        busy = sum(node.task is not None for node in self.nodes)
        return {"$PendingTasks": len(self.queue) + busy, "$PreemptedNodeCount": len(self.lost_lately)}

    def _end_tasks(self, now: int) -> None:
        for node in self.nodes:
            if node.task and node.task[1] <= now:
                run, node.task = node.task[0], None
                self.left[run] -= 1
                if not self.left[run]:
                    self.day.took.append(now - _SUBMITTED[run][0])

    def _lose_nodes(self, now: int) -> None:
        for node in [node for node in self.nodes if node.spot]:
            if self.rng.random() < LOST_PER_HOUR * STEP / 3600:
                self.nodes.remove(node)
                self.lost_lately.append(now)
                self.day.lost += 1
                if node.task:
                    self.queue.appendleft((node.task[0], _SUBMITTED[node.task[0]][2]))

    def _resize(self, now: int) -> None:
        for spot, target in ((False, self.targets[0]), (True, self.targets[1])):
            held = [node for node in self.nodes if node.spot is spot]
            self.nodes += [Node(spot, now + BOOT) for _ in range(target - len(held))]
            for node in [node for node in held if not node.task][: max(0, len(held) - target)]:
                self.nodes.remove(node)

    def _start_tasks(self, now: int) -> None:
        for node in self.nodes:
            if self.queue and node.task is None and node.ready <= now:
                run, seconds = self.queue.popleft()
                node.task = run, now + seconds
                if run not in self.begun:
                    self.begun[run] = now
                    self.day.first_task.append(now - _SUBMITTED[run][0])


_SUBMITTED = sorted((*RUNS, *VIDEOS))


def simulate(scale: Scale, seed: int = 1) -> Day:
    """A day of a pool with that formula, and the hours until everything is done."""
    pool, due = _Pool(scale, random.Random(seed)), list(_arrivals())
    heapq.heapify(due)
    now = 0
    while now < DAY or due or pool.queue or any(node.task for node in pool.nodes):
        while due and due[0][0] <= now:
            _, run = heapq.heappop(due)
            _, tasks, seconds = _SUBMITTED[run]
            pool.left[run] = tasks
            pool.queue.extend((run, seconds) for _ in range(tasks))
        pool.step(now)
        now += STEP
    return pool.day


def _arrivals() -> Iterator[tuple[int, int]]:
    return ((start, run) for run, (start, _, _) in enumerate(_SUBMITTED))


WIDTH, HEIGHT, TOP, LEFT, GAP = 960, 110, 46, 60, 64


def plot(days: dict[str, Day]) -> str:
    """The days below one another as SVG: nodes as an area, waiting tasks as a line."""
    panels = "".join(_panel(number, name, day) for number, (name, day) in enumerate(days.items()))
    height = TOP + len(days) * (HEIGHT + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + LEFT + 70} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#333">'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{LEFT}" y="20"><tspan fill="#2a6f97">■ nodes (left)</tspan>'
        f'<tspan dx="16" fill="#bc4749">— waiting tasks (right)</tspan></text>{panels}</svg>\n'
    )


def _panel(number: int, name: str, day: Day) -> str:
    top = TOP + number * (HEIGHT + GAP) + 20
    most, longest = 10, max(*day.waiting, 1)
    bottom = top + HEIGHT
    hours = "".join(
        f'<text x="{LEFT + WIDTH * hour / 24:.0f}" y="{bottom + 18}" text-anchor="middle">{hour}:00</text>'
        for hour in range(0, 25, 3)
    )
    area = _steps(day.nodes, most, top)
    line = _steps(day.waiting, longest, top)
    return (
        f'<text x="{LEFT}" y="{top - 8}" font-weight="600">{name}</text>'
        f'<path d="M{LEFT},{bottom}{area}L{LEFT + WIDTH},{bottom}Z" fill="#2a6f97" fill-opacity=".55"/>'
        f'<path d="M{LEFT},{bottom}{line}" fill="none" stroke="#bc4749" stroke-width="1.3"/>'
        f'<path d="M{LEFT},{top}V{bottom}H{LEFT + WIDTH}" fill="none" stroke="#999"/>'
        f'<text x="{LEFT - 8}" y="{top + 5}" text-anchor="end">{most}</text>'
        f'<text x="{LEFT - 8}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{LEFT + WIDTH + 8}" y="{top + 5}" fill="#bc4749">{longest}</text>{hours}'
    )


def _steps(values: list[int], most: int, top: int) -> str:
    """A path of the first day, a step per minute in which the value changes."""
    parts, last = [], None
    for minute, value in enumerate(values[: DAY // 60]):
        if value != last:
            x, y = LEFT + WIDTH * minute * 60 / DAY, top + HEIGHT * (1 - min(value, most) / most)
            parts.append(f"H{x:.1f}V{y:.1f}")
            last = value
    return "".join(parts) + f"H{LEFT + WIDTH}"
