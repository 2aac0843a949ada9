"""Compute: where the tasks of a run execute. Workloads do not know which implementation that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Node(StrEnum):
    """What a task wants of the machine that it runs on; settings say of which size such machines are."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Task:
    """A command line of a run; safe to repeat, because its outputs have fixed names and are written whole.

    `command` begins with "python"; `needs` names the tasks that must have succeeded before it starts.
    The run can do without an `optional` one: where it fails for good, what needs it starts all the same.
    """

    id: str
    image: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    retries: int = 2
    seconds: int = 3600
    optional: bool = False
    node: Node = Node.CPU


@dataclass(frozen=True, slots=True)
class Image:
    """A scoring image: its folder in `scoring_images/`, and the nodes that its tasks want."""

    name: str
    node: Node = Node.CPU

    def task(
        self, task_id: str, arguments: Sequence[str], needs: Sequence[str] = (), *, retries: int, seconds: int
    ) -> Task:
        """A task that runs the image's own command line."""
        command = ("python", "-m", f"scoring_images.{self.name}", *arguments)
        return Task(task_id, self.name, command, tuple(needs), retries, seconds, node=self.node)


class Phase(StrEnum):
    """What compute is doing with a run."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Status:
    """An observation of a run: its phase, its task counts, and a reason where it did not succeed.

    `task_seconds` is the wall-clock time of all tasks of an ended attempt together, where that is paid for and known.
    """

    phase: Phase
    tasks: int = 0
    done: int = 0
    failed: int = 0
    reason: str = ""
    task_seconds: float = 0.0


class Compute(Protocol):
    """Executes the tasks of runs, somewhere."""

    def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
        """Have the tasks executed. Submitting again changes nothing; a higher attempt repeats failed tasks."""

    def status(self, run_id: str, attempt: int = 1) -> Status:
        """What became of the run so far; raises NotFound where this attempt, or a later one, is not there."""

    def cancel(self, run_id: str) -> None:
        """Have the run stopped; `status` says when it is. An ended or unknown one stays as it is."""

    def log(self, run_id: str, task_id: str) -> str:
        """What the task wrote to stdout and stderr so far, all tries in order; raises NotFound."""
