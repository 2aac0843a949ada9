"""Runs one task with its tries, on whatever machine compute gives it: `python -m shared.compute.tries`.

A service's own retries would repeat what cannot succeed, and know nothing of a try's last words. The last line on
stderr says why a task failed; the exit code is that of its last try. The task is read from TALLY_TASK.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from threading import Thread
from typing import IO

import msgspec

from shared.compute import Task

VARIABLE = "TALLY_TASK"
PERMANENT = 2
"""The exit code by which a task says that trying again would change nothing."""
PAUSE_SECONDS = 1.0
"""Before the second try; each further pause is twice as long."""
LINE = 500
"""Characters of its last line that a failure quotes."""


def failure(task_id: str, tries: int, code: int, last: str) -> str:
    """A sentence on a task that failed for good; `code` is minus the signal that ended its last try."""
    ending = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"Task {task_id} failed {tries} times, last with {ending}: {last[:LINE] or 'it wrote nothing to stderr'}"


def overdue(seconds: int) -> str:
    """What is said where a try is stopped for taking too long."""
    return f"Stopped: still running after {seconds} s (TASK_SECONDS)."


@dataclass(slots=True)
class Try:
    """One process of the task; what it writes to stderr passes through, its last line is kept."""

    process: "subprocess.Popen[bytes]"
    last: str = ""
    pump: Thread = field(init=False)

    def __post_init__(self) -> None:
        self.pump = Thread(target=self._copy, args=(self.process.stderr,), daemon=True)
        self.pump.start()

    def _copy(self, stderr: IO[bytes]) -> None:
        with stderr:
            for line in stderr:
                sys.stderr.buffer.write(line)
                sys.stderr.buffer.flush()
                self.last = line.decode(errors="replace").strip() or self.last

    def ended(self, seconds: int) -> int:
        """Wait for the end, or make one after so many seconds; the exit code, or minus the signal."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.last = overdue(seconds)
            print(f"\n{self.last}", file=sys.stderr, flush=True)
            return -signal.SIGKILL
        finally:
            self.stop()

    def stop(self) -> None:
        """Leave no process of the try."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.pump.join(5)


def run(task: Task) -> int:
    """Run the task until it succeeds, fails for good, or has had its tries; its exit code."""
    tries = 0
    while True:
        tries += 1
        process = subprocess.Popen(
            [sys.executable, *task.command[1:]],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        this = Try(process)
        code = this.ended(task.seconds)
        if code == 0:
            return 0
        if code == PERMANENT or tries > task.retries:
            print(failure(task.id, tries, code, this.last), file=sys.stderr, flush=True)
            return code if code > 0 else 128 - code
        time.sleep(PAUSE_SECONDS * (1 << (tries - 1)))


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)  # the try in work is stopped on the way out


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    sys.exit(run(msgspec.json.decode(os.environ[VARIABLE], type=Task)))
