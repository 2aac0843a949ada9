"""Executes one rank's share of a run's tasks, on a node: `python -m shared.compute.azure_ml.rank`.

Rank and size come from MPI, the tasks from the notes in the control account, which also say what the others have done.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from shared.compute import Task, tries
from shared.compute.azure_ml.notes import CONTAINER, Marks, Notes, Order
from shared.compute.logs import last_line
from shared.compute.names import log_name
from shared.compute.ranks import rank_and_size
from shared.errors import TallyError
from shared.settings import Settings
from shared.storage import BlobStore, Storage

RUN, ATTEMPT = "TALLY_RUN", "TALLY_ATTEMPT"
ROOT = Path(__file__).resolve().parents[3]
SHORTEST, LONGEST = 0.1, 5.0
KEEP_SECONDS = 20.0
"""How often the streams of a task in work are copied, and a sign of life is given."""


class Stopped(Exception):
    """Somebody had the run end while a task was in work."""


@dataclass(slots=True)
class Share:
    """What one rank does of an order."""

    notes: Notes
    logs: BlobStore
    order: Order
    rank: int
    size: int
    folder: Path
    kept: dict[str, int] = field(default_factory=dict)

    def run(self) -> int:
        """Do the own tasks, each once what it needs is done; the exit code: 1 where one failed for good."""
        self._mark("alive")
        failed = False
        with suppress(Stopped):
            failed = self._fails()
        self._mark(f"ended/{self.rank}")
        if failed:
            self._await_others()
        return int(failed)

    def _fails(self) -> bool:
        for task in self.order.share(self.rank, self.size):
            marks = self._when_ready(task)
            if marks is None:
                return False
            if task.id not in marks.of("done") and not self._succeeds(task):  # a job may be started anew
                return True
        return False

    def _marks(self) -> Marks:
        return self.notes.marks(self.order.attempt)

    def _mark(self, name: str, text: str = "") -> None:
        self.notes.mark(self.order.attempt, name, text)

    def _when_ready(self, task: Task) -> Marks | None:
        """What is noted once all that the task needs is done; None where the run ends before."""
        for pause in _pauses():
            marks = self._marks()
            if marks.stopped or marks.of("failed"):
                return None
            if set(marks.of("done")).union(marks.of("spared"), self.order.done).issuperset(task.needs):
                return marks
            time.sleep(pause)
        raise AssertionError

    def _await_others(self) -> None:
        """MPI stops every rank as soon as one fails: let those at work finish their task first."""
        for pause in _pauses():
            marks = self._marks()
            if marks.stopped or len(marks.of("ended")) >= self.size:
                return
            time.sleep(pause)

    def _succeeds(self, task: Task) -> bool:
        """Do a task with all its tries, and note how it ended; True also where the run can do without it."""
        print(f"rank {self.rank} of {self.size}: {task.id}", flush=True)
        code = self._process(task)
        self._keep(task)
        if code == 0:
            self._mark(f"done/{task.id}")
            return True
        last = last_line(self._stream(task, "stderr").read_text(errors="replace"))
        kind = "spared" if task.optional else "failed"
        self._mark(f"{kind}/{task.id}", last if last.startswith("Task ") else f"Task {task.id} was stopped: {last}")
        return task.optional

    def _process(self, task: Task) -> int:
        env = os.environ | {tries.VARIABLE: msgspec.json.encode(replace(task, needs=())).decode()}
        with self._stream(task, "stdout").open("wb") as out, self._stream(task, "stderr").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", tries.__name__],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=ROOT, env=env, start_new_session=True,
            )  # fmt: skip
            try:
                while True:
                    try:
                        return process.wait(KEEP_SECONDS)
                    except subprocess.TimeoutExpired:
                        self._keep(task)
                        self._mark("alive")
                    if self._marks().stopped:  # the service may take hours to cancel a job
                        raise Stopped
            finally:
                process.terminate()  # it stops the try in work on its way out, which a second word would cut off
                process.wait()

    def _stream(self, task: Task, stream: str) -> Path:
        return self.folder / f"{task.id}.{stream}"

    def _keep(self, task: Task) -> None:
        """Copy the task's streams to the control account, where they have grown."""
        for stream in ("stdout", "stderr"):
            content = self._stream(task, stream).read_bytes()
            name = log_name(self.notes.run, self.order.attempt, task.id, stream)
            if self.kept.get(name) != len(content):
                try:
                    self.logs.put(name, content)
                except TallyError as error:
                    print(f"The log {name} is not kept for now: {error}", file=sys.stderr, flush=True)
                    return
                self.kept[name] = len(content)


def _pauses() -> Iterator[float]:
    """Seconds between looks at what the others do: short ones first, without end."""
    pause = SHORTEST
    while True:
        yield pause
        pause = min(LONGEST, 2 * pause)


def execute(env: Mapping[str, str]) -> int:
    """Do the share that the environment names; the exit code."""
    storage = Storage.from_settings(Settings.from_env(env))
    notes = Notes(storage.control(CONTAINER), env[RUN])
    order, _ = notes.order()
    if order is None or order.attempt != int(env[ATTEMPT]):
        print(f"Attempt {env[ATTEMPT]} of run {env[RUN]} is not wanted any more.", file=sys.stderr)
        return 1
    rank, size = rank_and_size(env)
    with TemporaryDirectory(prefix="tally-") as place:
        return Share(notes, storage.control("logs"), order, rank, size, Path(place)).run()


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)  # the task in work is stopped on the way out


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    if "DEFAULT_IDENTITY_CLIENT_ID" in os.environ:  # how the service names a cluster's user-assigned identity
        os.environ.setdefault("AZURE_CLIENT_ID", os.environ["DEFAULT_IDENTITY_CLIENT_ID"])
    sys.exit(execute(os.environ))
