"""What is peculiar to local compute: its own processes may be killed at any time, and no try's streams are lost."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.compute import Phase, Status
from shared.compute.local import LocalCompute
from shared.errors import Transient
from shared.settings import Settings
from shared.storage import Storage
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import asleep, ended, script, sleeper

pytestmark = pytest.mark.slow


@pytest.fixture
def compute(tmp_path: Path, azurite: Azurite) -> Iterator[LocalCompute]:
    with implementations.local(tmp_path / "compute", azurite) as compute:
        yield compute


def test_the_streams_of_every_try_are_kept(compute: LocalCompute, azurite: Azurite) -> None:
    compute.submit("every-try", 1, [script("a", "raise SystemExit(1)", retries=1)])
    assert ended(compute, "every-try").phase is Phase.FAILED
    logs = Storage.from_settings(Settings.from_env(azurite.settings)).control("logs")
    assert [info.name for info in logs.list("every-try/")] == [
        f"every-try/a.{tries}.{stream}.txt" for tries in (1, 2) for stream in ("stderr", "stdout")
    ]


def test_a_run_whose_executor_was_killed_goes_on(compute: LocalCompute, tmp_path: Path) -> None:
    pid, file = tmp_path / "pid", tmp_path / "count"
    tasks = [script("a", f"open({str(file)!r}, 'a').write('x')"), sleeper(pid, "a", only_once=True)]
    compute.submit("run", 1, tasks)
    child = asleep(pid)
    parent = int(Path(f"/proc/{child}/stat").read_text().split()[3])
    os.kill(parent, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    assert ended(compute, "run") == Status(Phase.SUCCEEDED, 2, 2)
    assert file.read_text() == "x"


def test_the_executor_uses_this_python(compute: LocalCompute) -> None:
    compute.submit("run", 1, [script("a", "import sys; print(sys.executable)")])
    assert ended(compute, "run").phase is Phase.SUCCEEDED
    assert sys.executable in compute.log("run", "a")


def test_a_run_that_cannot_be_executed_says_so_at_once(compute: LocalCompute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDOW_SECONDS", "five")
    with pytest.raises(Transient, match="WINDOW_SECONDS is 'five'"):
        compute.submit("run", 1, [script("a", "pass")])
