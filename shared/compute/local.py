"""Local compute: a run is a folder, executed by a process of its own that outlives the host."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from shared.compute import Phase, Status, Task
from shared.compute.logs import last_line, shown
from shared.errors import NotFound, Transient


class TaskState(StrEnum):
    """Where a task of a run folder stands."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """What was submitted: the tasks, and which attempt at them this is."""

    attempt: int
    tasks: list[Task]


@dataclass(slots=True)
class Progress:
    """What became of it: per task its state, tries and last exit code, for one attempt."""

    attempt: int
    states: dict[str, TaskState]
    tries: dict[str, int]
    reason: str = ""
    cancelled: bool = False

    def phase(self) -> Phase:
        """The run's phase as its tasks stand."""
        if self.cancelled:
            return Phase.CANCELLED
        if self.reason:
            return Phase.FAILED
        return Phase.RUNNING if TaskState.WAITING in self.states.values() else Phase.SUCCEEDED

    def count(self, state: TaskState) -> int:
        """How many tasks are in a state."""
        return sum(held is state for held in self.states.values())


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run: order.json, progress.json, logs/, and the lock of its executor."""

    path: Path

    def order(self) -> Order | None:
        """What was submitted, or None."""
        return _read(self.path / "order.json", Order)

    def progress(self) -> Progress | None:
        """What became of it, or None where nothing was started."""
        return _read(self.path / "progress.json", Progress)

    def write(self, name: str, value: object) -> None:
        """Replace a JSON file whole."""
        part = self.path / f"{name}.{os.getpid()}.part"
        part.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
        part.replace(self.path / name)

    @property
    def cancel_file(self) -> Path:
        """There once the run is to stop."""
        return self.path / "cancel"

    def log_file(self, task_id: str, tries: int, stream: str) -> Path:
        """Where a try of a task leaves a stream."""
        return self.path / "logs" / f"{task_id}.{tries}.{stream}.txt"

    def executing(self) -> bool:
        """Whether a live process holds the run's lock."""
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def _read[T](path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class LocalCompute:
    """Compute on this machine, one process per task, at most as many at once as there are cores."""

    root: Path

    def submit(self, run_id: str, attempt: int, tasks: Sequence[Task]) -> None:
        folder = RunFolder(self.root / run_id)
        (folder.path / "logs").mkdir(parents=True, exist_ok=True)
        order = folder.order()
        if order is None or order.attempt < attempt:
            folder.cancel_file.unlink(missing_ok=True)
            folder.write("order.json", Order(attempt, list(tasks)))
        self._execute(folder)

    def status(self, run_id: str, attempt: int = 1) -> Status:
        folder = RunFolder(self.root / run_id)
        order = folder.order()
        if order is None or order.attempt < attempt:
            raise NotFound(f"This machine has no run {run_id}.", "It was submitted elsewhere, or its folder removed.")
        progress = folder.progress()
        if progress is None or progress.attempt < order.attempt or progress.phase() is Phase.RUNNING:
            self._execute(folder)
            progress = progress if progress and progress.attempt == order.attempt else None
        if progress is None:
            return Status(Phase.RUNNING, len(order.tasks))
        done, failed = progress.count(TaskState.DONE), progress.count(TaskState.FAILED)
        return Status(progress.phase(), len(order.tasks), done, failed, progress.reason)

    def cancel(self, run_id: str) -> None:
        folder = RunFolder(self.root / run_id)
        if folder.order() is not None:
            folder.cancel_file.touch()

    def log(self, run_id: str, task_id: str) -> str:
        logs = self.root / run_id / "logs"
        files = sorted(path for path in logs.glob("*.txt") if path.name.startswith(f"{task_id}."))
        return shown(run_id, task_id, {file.stem: file.read_text(errors="replace") for file in files})

    def _execute(self, folder: RunFolder) -> None:
        """See that a process executes the run: it outlives this one, and a second one leaves at once."""
        if folder.executing():
            return
        path = folder.path / "executor.log"
        with path.open("ab") as log:
            launch = subprocess.run(
                [sys.executable, "-m", "shared.compute.executor", str(folder.path.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
                cwd=Path(__file__).resolve().parents[2],
            )
        if launch.returncode:
            last = last_line(path.read_text(errors="replace"))
            raise Transient(f"The process that executes {folder.path.name} cannot start: {last}")
