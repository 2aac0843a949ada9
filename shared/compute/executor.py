"""The process that executes one run folder: detached from the host, resumed by whoever comes next."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from shared.compute import Phase, Task
from shared.compute.local import Order, Progress, RunFolder, TaskState
from shared.compute.logs import last_line
from shared.compute.tries import PERMANENT, failure, overdue
from shared.errors import TallyError
from shared.settings import Settings
from shared.storage import BlobStore, Storage

LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Execution:
    """One pass over a run's tasks; this machine executes at most `slot_count` at once, over all runs."""

    folder: RunFolder
    order: Order
    progress: Progress
    logs: BlobStore
    slots: Path
    slot_count: int
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Execute until all tasks succeeded, one failed for good, or the run was cancelled."""
        try:
            while self._more():
                self._start_ready()
                await asyncio.wait(self.running.values(), timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                self._drop_finished()
                self.progress.cancelled = self.folder.cancel_file.exists()
        finally:
            await self._stop()
            await asyncio.to_thread(self._keep_logs)
            self._save()

    def _more(self) -> bool:
        return self.progress.phase() is Phase.RUNNING or bool(self.running and not self.progress.cancelled)

    def _start_ready(self) -> None:
        for task in self.order.tasks:
            if task.id not in self.running and not self.progress.reason and self._ready(task):
                self.running[task.id] = asyncio.create_task(self._execute(task))

    def _ready(self, task: Task) -> bool:
        states = self.progress.states
        come = all(states[need] is not TaskState.WAITING for need in task.needs)  # only optional ones have failed
        return come and states[task.id] is TaskState.WAITING

    def _drop_finished(self) -> None:
        for task_id, job in list(self.running.items()):
            if job.done():
                self.running.pop(task_id)
                job.result()

    async def _stop(self) -> None:
        for job in self.running.values():
            job.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)

    def _save(self) -> None:
        self.folder.write("progress.json", self.progress)

    async def _execute(self, task: Task) -> None:
        async with _slot(self.slots, self.slot_count):
            tries = self.progress.tries[task.id] = self.progress.tries[task.id] + 1
            self._save()
            code = await self._process(task, tries)
        await asyncio.to_thread(self._keep_logs)
        if code == 0:
            self.progress.states[task.id] = TaskState.DONE
        elif code == PERMANENT or tries > task.retries:
            self.progress.states[task.id] = TaskState.FAILED
            if not task.optional:
                self.progress.reason = self.progress.reason or self._why(task, tries, code)
        else:
            await asyncio.sleep(2.0 ** (tries - 1))
        self._save()

    async def _process(self, task: Task, tries: int) -> int:
        """Run the command line once; its exit code, or minus the signal that ended it."""
        with contextlib.ExitStack() as stack:
            out, err = (
                stack.enter_context(self.folder.log_file(task.id, tries, stream).open("wb"))
                for stream in ("stdout", "stderr")
            )
            process = await asyncio.create_subprocess_exec(
                sys.executable, *task.command[1:], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True, env=os.environ | {"TASK_THREADS": "1"},  # a slot is a core
            )  # fmt: skip
            try:
                return await asyncio.wait_for(process.wait(), task.seconds)
            except TimeoutError:
                err.write(f"\n{overdue(task.seconds)}\n".encode())
                return -signal.SIGKILL
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    def _keep_logs(self) -> None:
        """Copy the logs to the control account; what cannot be copied now is tried again at the next end."""
        for path in sorted((self.folder.path / "logs").glob("*.txt")):
            size = path.stat().st_size
            if self.kept.get(path.name) != size:
                try:
                    self.logs.put(f"{self.folder.path.name}/{path.name}", path.read_bytes())
                except TallyError as error:
                    print(f"The log {path.name} stays here for now: {error}", file=sys.stderr)
                    return
                self.kept[path.name] = size

    def _why(self, task: Task, tries: int, code: int) -> str:
        stderr = self.folder.log_file(task.id, tries, "stderr").read_text(errors="replace")
        return failure(task.id, tries, code, last_line(stderr))


@contextlib.asynccontextmanager
async def _slot(folder: Path, count: int) -> AsyncIterator[None]:
    """Hold one of the machine's slots: a file lock, which the system frees if this process dies."""
    with contextlib.ExitStack() as stack:
        locks = [stack.enter_context((folder / str(slot)).open("a")) for slot in range(count)]
        while not any(_lock(lock.fileno()) for lock in locks):  # noqa: ASYNC110 - other processes free them
            await asyncio.sleep(LOOK_SECONDS)
        yield


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def resumed(order: Order, before: Progress | None) -> Progress:
    """Where to begin: done tasks stay done; a new attempt gives the others their tries again."""
    waiting = {task.id: TaskState.WAITING for task in order.tasks}
    if before is None:
        return Progress(order.attempt, waiting, dict.fromkeys(waiting, 0))
    done = {task_id: TaskState.DONE for task_id in waiting if before.states.get(task_id) is TaskState.DONE}
    if before.attempt < order.attempt:
        return Progress(order.attempt, waiting | done, dict.fromkeys(waiting, 0))
    return before


def main() -> int:
    """Execute the run folder named on the command line, in the background; leaves where one is at it."""
    folder = RunFolder(Path(sys.argv[1]))
    logs = Storage.from_settings(Settings.from_env()).control("logs")
    if os.fork():  # what cannot be begun at all has failed by now, where the caller sees it
        return 0
    os.setsid()
    with (folder.path / "lock").open("a") as lock:
        if not _lock(lock.fileno()):
            return 0
        order = folder.order()
        if order is None:
            return 0
        progress = resumed(order, folder.progress())
        slots = folder.path.parent / "slots"
        slots.mkdir(exist_ok=True)
        asyncio.run(Execution(folder, order, progress, logs, slots, os.cpu_count() or 1).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
