"""What every implementation of compute does, with real processes: order, retries, logs, cancellation, new attempts."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shared.compute import Compute, Phase, Status
from shared.errors import NotFound
from shared.settings import Settings
from shared.storage import Storage
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import asleep, ended, fails_until, script, sleeper

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["local", "azure_batch", "azure_ml"])
def compute(
    request: pytest.FixtureRequest, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compute]:
    folder = tmp_path_factory.mktemp("compute")
    if request.param == "local":
        with implementations.local(folder, azurite) as compute:
            yield compute
    elif request.param == "azure_batch":
        with implementations.azure_batch(folder, azurite) as (batch, _):
            yield batch
    else:
        with implementations.azure_ml(folder, azurite) as (ml, _):
            yield ml


@pytest.fixture
def run(request: pytest.FixtureRequest, compute: Compute) -> Iterator[str]:
    name = re.sub("[^A-Za-z0-9]+", "-", request.node.name).strip("-")
    yield name
    compute.cancel(name)  # what a failing test left running would keep a node from the next


def test_tasks_run_after_what_they_need(compute: Compute, run: str, tmp_path: Path) -> None:
    file = tmp_path / "order"
    write = "open({!r}, 'a').write({!r})"
    tasks = [script("b", write.format(str(file), "b"), "a"), script("a", write.format(str(file), "a"))]
    compute.submit(run, 1, tasks)
    assert ended(compute, run) == Status(Phase.SUCCEEDED, 2, 2)
    assert file.read_text() == "ab"


def test_submitting_twice_runs_each_task_once(compute: Compute, run: str, tmp_path: Path) -> None:
    file = tmp_path / "count"
    tasks = [script("a", f"open({str(file)!r}, 'a').write('x')")]
    for _ in range(2):
        compute.submit(run, 1, tasks)
        compute.submit(run, 1, tasks)
        assert ended(compute, run).phase is Phase.SUCCEEDED
    assert file.read_text() == "x"


def test_a_task_that_fails_is_tried_again_and_its_streams_are_kept_in_the_control_account(
    compute: Compute, run: str, tmp_path: Path, azurite: Azurite
) -> None:
    flag = tmp_path / "flag"
    code = "import pathlib, sys\nprint('hello')\np = pathlib.Path({!r})\np.exists() or (p.touch(), sys.exit('once'))"
    compute.submit(run, 1, [script("a", code.format(str(flag)))])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    logs = Storage.from_settings(Settings.from_env(azurite.settings)).control("logs")
    kept = {info.name: logs.get(info.name) for info in logs.list(f"{run}/")}
    assert {f"{run}/a.1.stderr.txt", f"{run}/a.1.stdout.txt"} <= set(kept)
    assert kept[f"{run}/a.1.stderr.txt"].data == b"once\n"  # type: ignore[union-attr]
    assert "hello" in compute.log(run, "a")
    assert "once" in compute.log(run, "a")


def test_a_task_that_always_fails_ends_the_run_with_its_last_words(compute: Compute, run: str) -> None:
    tasks = [script("a", "raise SystemExit('no such sensor')", retries=1), script("b", "pass", "a")]
    compute.submit(run, 1, tasks)
    status = ended(compute, run)
    assert (status.phase, status.tasks, status.failed, status.done) == (Phase.FAILED, 2, 1, 0)
    assert status.reason == "Task a failed 2 times, last with exit code 1: no such sensor"
    assert "no such sensor" in compute.log(run, "a")


def test_a_run_can_do_without_an_optional_task(compute: Compute, run: str, tmp_path: Path) -> None:
    fails, works = script("a", "raise SystemExit('broken')", retries=0), script("b", "pass")
    tasks = [replace(fails, optional=True), replace(works, optional=True), script("c", "pass", "a", "b")]
    compute.submit(run, 1, tasks)
    assert ended(compute, run) == Status(Phase.SUCCEEDED, 3, 2, 1)
    assert "broken" in compute.log(run, "a")


def test_a_needed_task_that_fails_is_the_reason_beside_an_optional_one(compute: Compute, run: str) -> None:
    fails = replace(script("a", "raise SystemExit('spared')", retries=0), optional=True)
    compute.submit(run, 1, [fails, script("b", "raise SystemExit('needed')", "a", retries=0)])
    status = ended(compute, run)
    assert (status.phase, status.done) == (Phase.FAILED, 0)
    assert status.reason == "Task b failed 1 times, last with exit code 1: needed"


def test_exit_code_2_says_that_trying_again_is_no_use(compute: Compute, run: str) -> None:
    compute.submit(run, 1, [script("a", "raise SystemExit(2)")])
    assert "failed 1 times" in ended(compute, run).reason


def test_a_task_over_its_time_is_stopped(compute: Compute, run: str) -> None:
    compute.submit(run, 1, [script("a", "import time; time.sleep(600)", seconds=1, retries=0)])
    assert "still running after 1 s" in ended(compute, run).reason


def test_a_new_attempt_repeats_only_what_failed(compute: Compute, run: str, tmp_path: Path) -> None:
    file, flag = tmp_path / "count", tmp_path / "flag"
    done = script("done", f"open({str(file)!r}, 'a').write('x')")
    fails = script("fails", fails_until(flag), "done", retries=0)
    compute.submit(run, 1, [done, fails])
    failed = ended(compute, run)
    assert (failed.phase, failed.done, failed.failed) == (Phase.FAILED, 1, 1)
    flag.touch()
    compute.submit(run, 2, [done, fails])
    assert ended(compute, run) == Status(Phase.SUCCEEDED, 2, 2)
    assert file.read_text() == "x"


def test_an_attempt_that_is_cut_otherwise_begins_anew(compute: Compute, run: str, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    merge = script("merge", fails_until(flag), "a-of-1", retries=0)
    compute.submit(run, 1, [script("a-of-1", "pass"), merge])
    assert ended(compute, run).phase is Phase.FAILED
    flag.touch()
    parts = [script("a-of-2", "pass"), script("b-of-2", "pass")]
    compute.submit(run, 2, [*parts, script("merge", fails_until(flag), "a-of-2", "b-of-2")])
    assert ended(compute, run) == Status(Phase.SUCCEEDED, 3, 3)


def test_a_cancelled_run_leaves_no_process(compute: Compute, run: str, tmp_path: Path) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    pid = asleep(tmp_path / "pid")
    compute.cancel(run)
    assert ended(compute, run).phase is Phase.CANCELLED
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    compute.cancel(run)
    assert compute.status(run).phase is Phase.CANCELLED


def test_a_cancelled_run_can_be_tried_again(compute: Compute, run: str, tmp_path: Path) -> None:
    task = sleeper(tmp_path / "pid", only_once=True)
    compute.submit(run, 1, [task])
    asleep(tmp_path / "pid")
    compute.cancel(run)
    assert ended(compute, run).phase is Phase.CANCELLED
    compute.submit(run, 2, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_a_task_killed_with_signal_9_is_tried_again(compute: Compute, run: str, tmp_path: Path) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid", only_once=True)])
    os.kill(asleep(tmp_path / "pid"), signal.SIGKILL)
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_arguments_reach_a_task_as_they_are(compute: Compute, run: str) -> None:
    task = script("a", "import sys; print(sys.argv[1:])")
    odd = ("it's", 'a "b"', "$HOME; rm x", "é\n", "%PATH%", "")
    compute.submit(run, 1, [type(task)(task.id, task.image, (*task.command, *odd))])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert repr(list(odd)) in compute.log(run, "a")


def test_what_was_never_submitted_is_not_found(compute: Compute) -> None:
    with pytest.raises(NotFound):
        compute.status("nobody")
    with pytest.raises(NotFound):
        compute.log("nobody", "a")
    compute.cancel("nobody")
