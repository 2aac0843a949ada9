"""A task with its tries, on whatever machine it is given."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from devhost.sandbox import wait_for
from shared.compute import tries
from tests.compute.implementations import asleep, script, sleeper

ROOT = Path(__file__).parents[2]


def test_a_task_that_fails_twice_and_then_works_has_worked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tries, "PAUSE_SECONDS", 0.01)
    file = tmp_path / "tries"
    code = f"import sys; f = open({str(file)!r}, 'a'); f.write('x'); f.flush(); sys.exit(f.tell() < 3 and 'not yet')"
    assert tries.run(script("a", code, retries=2)) == 0
    assert capfd.readouterr().err == "not yet\nnot yet\n"


@pytest.mark.parametrize(
    ("code", "options", "exit_code", "last"),
    [
        ("raise SystemExit('no')", {"retries": 0}, 1, "Task a failed 1 times, last with exit code 1: no"),
        ("raise SystemExit(2)", {"retries": 5}, 2, "exit code 2: it wrote nothing to stderr"),
        ("import os; os.kill(os.getpid(), 9)", {"retries": 0}, 137, "failed 1 times, last with signal 9"),
        ("import time; time.sleep(60)", {"retries": 0, "seconds": 1}, 137, "Stopped: still running after 1 s"),
    ],
)
def test_the_last_line_says_why_a_task_failed(
    code: str, options: dict[str, int], exit_code: int, last: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert tries.run(script("a", code, **options)) == exit_code
    assert last in capfd.readouterr().err.strip().split("\n")[-1]


def test_a_machine_that_stops_the_task_leaves_no_process_of_it(tmp_path: Path) -> None:
    task = sleeper(tmp_path / "pid")
    text = msgspec.json.encode(task).decode()
    with subprocess.Popen([sys.executable, "-m", tries.__name__], cwd=ROOT, env={tries.VARIABLE: text}) as process:
        child = asleep(tmp_path / "pid")
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    wait_for(lambda: not Path(f"/proc/{child}").exists(), "The task's process is still there")
