"""The supervisor, with small programs for services."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from devhost.services import Service
from devhost.supervisor import Supervisor
from shared.errors import Transient

pytestmark = pytest.mark.anyio


def service(folder: Path, name: str, code: str, patience: float = 5.0) -> Service:
    note = f"import os, signal, sys, time\nopen({str(folder / name)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
    return Service(name, (sys.executable, "-S", "-c", note + code), (), log=folder / f"{name}.log", patience=patience)


async def pids(folder: Path, name: str, count: int) -> list[int]:
    """The process ids that a program noted, as soon as there are so many."""
    file = folder / name
    async with asyncio.timeout(20):
        while not file.exists() or len(found := file.read_text().split()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return [int(pid) for pid in found]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_service_that_ends_is_started_again(tmp_path: Path) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(Supervisor([service(tmp_path, "short", "")]).run(stop, ready))
    assert len(await pids(tmp_path, "short", 2)) >= 2
    stop.set()
    await running


async def test_a_stop_ends_services_from_last_to_first_even_stubborn_ones(tmp_path: Path) -> None:
    log = tmp_path / "order"
    polite = (
        f"signal.signal(signal.SIGTERM, lambda *a: (open({str(log)!r}, 'a').write(sys.argv[0]), sys.exit()))\n"
        "time.sleep(600)"
    )
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    services = [
        service(tmp_path, "first", f"sys.argv[0] = 'first '\n{polite}"),
        service(tmp_path, "second", f"sys.argv[0] = 'second '\n{polite}"),
        service(tmp_path, "stubborn", stubborn, patience=0.1),
    ]
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(Supervisor(*([each] for each in services)).run(stop, ready))
    await ready.wait()
    found = [pid for each in services for pid in await pids(tmp_path, each.name, 1)]
    await asyncio.sleep(0.2)  # the programs set their handlers right after they note their ids
    stop.set()
    await running
    assert not any(alive(pid) for pid in found)
    assert log.read_text() == "second first "


async def test_a_service_that_cannot_run_ends_the_others_too(tmp_path: Path) -> None:
    well = str(tmp_path / "well")
    ends = f"while not (os.path.exists({well!r}) and os.path.getsize({well!r})): time.sleep(0.01)\nsys.exit(2)"
    services = [service(tmp_path, "well", "time.sleep(600)"), service(tmp_path, "ill", ends)]
    with pytest.raises(Transient, match="ill cannot run as it is set up"):
        await Supervisor(*([each] for each in services)).run(asyncio.Event(), asyncio.Event())
    assert not any(alive(pid) for pid in await pids(tmp_path, "well", 1))


async def test_a_task_that_outlived_its_host_ends_with_the_supervisor(tmp_path: Path) -> None:
    orphan = f"open({str(tmp_path / 'orphan')!r}, 'a').write(f'{{os.getpid()}}\\n')"
    code = f"if os.fork() == 0:\n    os.setsid(); {orphan}; time.sleep(600)\ntime.sleep(600)"
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(Supervisor([service(tmp_path, "host", code)]).run(stop, ready))
    (task,) = await pids(tmp_path, "orphan", 1)
    (host,) = await pids(tmp_path, "host", 1)
    os.kill(host, 9)
    await pids(tmp_path, "host", 2)
    assert alive(task)
    stop.set()
    await running
    assert not alive(task)
