"""Local compute with real processes: tasks run in order, faults are retried, any process may be killed at any time."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.compute import Phase, Status, Task
from shared.compute.local import LocalCompute
from shared.errors import NotFound, Transient
from shared.settings import Settings
from shared.storage import Storage
from tests.azurite import Azurite

pytestmark = pytest.mark.slow


@pytest.fixture
def compute(tmp_path: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCompute]:
    for name, value in azurite.settings.items():
        monkeypatch.setenv(name, value)
    compute = LocalCompute(tmp_path / "compute")
    yield compute
    for folder in (tmp_path / "compute").glob("*/"):
        compute.cancel(folder.name)


def script(task_id: str, code: str, *needs: str, **options: int) -> Task:
    return Task(task_id, "test", ("python", "-c", code), needs, **options)


def until(seen: Callable[[], bool]) -> None:
    """Wait for something that another process does; the test's own time-out bounds it."""
    while not seen():
        time.sleep(0.02)


def ended(compute: LocalCompute, run_id: str) -> Status:
    until(lambda: compute.status(run_id).phase is not Phase.RUNNING)
    return compute.status(run_id)


def test_tasks_run_after_what_they_need(compute: LocalCompute, tmp_path: Path) -> None:
    file = tmp_path / "order"
    write = "open({!r}, 'a').write({!r})"
    tasks = [script("b", write.format(str(file), "b"), "a"), script("a", write.format(str(file), "a"))]
    compute.submit("run", 1, tasks)
    assert ended(compute, "run") == Status(Phase.SUCCEEDED, 2, 2)
    assert file.read_text() == "ab"


def test_submitting_twice_runs_each_task_once(compute: LocalCompute, tmp_path: Path) -> None:
    file = tmp_path / "count"
    tasks = [script("a", f"open({str(file)!r}, 'a').write('x')")]
    compute.submit("run", 1, tasks)
    compute.submit("run", 1, tasks)
    assert ended(compute, "run").phase is Phase.SUCCEEDED
    compute.submit("run", 1, tasks)
    assert ended(compute, "run").phase is Phase.SUCCEEDED
    assert file.read_text() == "x"


def test_a_task_that_fails_is_tried_again_and_its_streams_are_kept_in_the_control_account(
    compute: LocalCompute, tmp_path: Path, azurite: Azurite
) -> None:
    flag = tmp_path / "flag"
    code = "import pathlib, sys\nprint('hello')\np = pathlib.Path({!r})\np.exists() or (p.touch(), sys.exit('once'))"
    compute.submit("twice", 1, [script("a", code.format(str(flag)))])
    assert ended(compute, "twice").phase is Phase.SUCCEEDED
    logs = Storage.from_settings(Settings.from_env(azurite.settings)).control("logs")
    kept = {info.name: logs.get(info.name) for info in logs.list("twice/")}
    assert list(kept) == [f"twice/a.{n}.{s}.txt" for n in (1, 2) for s in ("stderr", "stdout")]
    assert kept["twice/a.1.stderr.txt"].data == b"once\n"  # type: ignore[union-attr]
    assert "hello" in compute.log("twice", "a")


def test_a_task_that_always_fails_ends_the_run_with_its_last_words(compute: LocalCompute) -> None:
    tasks = [script("a", "raise SystemExit('no such sensor')", retries=1), script("b", "pass", "a")]
    compute.submit("run", 1, tasks)
    status = ended(compute, "run")
    assert (status.phase, status.failed, status.done) == (Phase.FAILED, 1, 0)
    assert status.reason == "Task a failed 2 times, last with exit code 1: no such sensor"


def test_exit_code_2_says_that_trying_again_is_no_use(compute: LocalCompute) -> None:
    compute.submit("run", 1, [script("a", "raise SystemExit(2)")])
    assert "failed 1 times" in ended(compute, "run").reason


def test_a_task_over_its_time_is_stopped(compute: LocalCompute) -> None:
    compute.submit("run", 1, [script("a", "import time; time.sleep(600)", seconds=1, retries=0)])
    assert "still running after 1 s" in ended(compute, "run").reason


def test_a_new_attempt_repeats_only_what_failed(compute: LocalCompute, tmp_path: Path) -> None:
    file, flag = tmp_path / "count", tmp_path / "flag"
    done = script("done", f"open({str(file)!r}, 'a').write('x')")
    fails = script("fails", f"import os, sys; sys.exit(not os.path.exists({str(flag)!r}))", "done", retries=0)
    compute.submit("run", 1, [done, fails])
    assert ended(compute, "run").phase is Phase.FAILED
    flag.touch()
    compute.submit("run", 2, [done, fails])
    assert ended(compute, "run").phase is Phase.SUCCEEDED
    assert file.read_text() == "x"


def test_a_cancelled_run_leaves_no_process(compute: LocalCompute, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    compute.submit("run", 1, [_sleeper(pid)])
    until(lambda: pid.exists() and pid.read_text() != "")
    compute.cancel("run")
    assert ended(compute, "run").phase is Phase.CANCELLED
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_task_killed_with_signal_9_is_tried_again(compute: LocalCompute, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    compute.submit("run", 1, [_sleeper(pid, only_once=True)])
    until(lambda: pid.exists() and pid.read_text() != "")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert ended(compute, "run").phase is Phase.SUCCEEDED


def test_a_run_whose_executor_was_killed_goes_on(compute: LocalCompute, tmp_path: Path) -> None:
    pid, file = tmp_path / "pid", tmp_path / "count"
    tasks = [script("a", f"open({str(file)!r}, 'a').write('x')"), _sleeper(pid, "a", only_once=True)]
    compute.submit("run", 1, tasks)
    until(lambda: pid.exists() and pid.read_text() != "")
    parent = int(Path(f"/proc/{pid.read_text()}/stat").read_text().split()[3])
    os.kill(parent, signal.SIGKILL)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert ended(compute, "run") == Status(Phase.SUCCEEDED, 2, 2)
    assert file.read_text() == "x"


def test_what_was_never_submitted_is_not_found(compute: LocalCompute) -> None:
    with pytest.raises(NotFound):
        compute.status("nobody")
    with pytest.raises(NotFound):
        compute.log("nobody", "a")
    compute.cancel("nobody")


def _sleeper(pid: Path, *needs: str, only_once: bool = False) -> Task:
    """Writes its process id, then sleeps; `only_once` ends at once when it did so before."""
    leave = "if p.exists(): raise SystemExit(0)" if only_once else ""
    lines = ("import os, pathlib, time", f"p = pathlib.Path({str(pid)!r})", leave, "p.write_text(str(os.getpid()))")
    return script("sleeper", "\n".join((*lines, "time.sleep(600)")), *needs)


def test_the_executor_uses_this_python(compute: LocalCompute) -> None:
    compute.submit("run", 1, [script("a", "import sys; print(sys.executable)")])
    assert ended(compute, "run").phase is Phase.SUCCEEDED
    assert sys.executable in compute.log("run", "a")


def test_a_run_that_cannot_be_executed_says_so_at_once(compute: LocalCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDOW_SECONDS", "five")
    with pytest.raises(Transient, match="WINDOW_SECONDS is 'five'"):
        compute.submit("run", 1, [script("a", "pass")])


def test_an_attempt_that_is_cut_otherwise_begins_anew(compute: LocalCompute, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    fails = f"import os, sys; sys.exit(not os.path.exists({str(flag)!r}))"
    compute.submit("run", 1, [script("a-of-1", "pass"), script("merge", fails, "a-of-1", retries=0)])
    assert ended(compute, "run").phase is Phase.FAILED
    flag.touch()
    parts = [script("a-of-2", "pass"), script("b-of-2", "pass")]
    compute.submit("run", 2, [*parts, script("merge", fails, "a-of-2", "b-of-2")])
    assert ended(compute, "run") == Status(Phase.SUCCEEDED, 3, 3)
