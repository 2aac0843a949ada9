"""Keeps child processes alive and, at the end, leaves none behind."""

import asyncio
import logging
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress

from devhost.lineage import adopting_orphans, bury, children, dies_with_parent
from devhost.pace import growing, stopped_within
from devhost.services import Service
from shared.errors import Transient

log = logging.getLogger("devhost.up")

HOPELESS = 2  # the exit code of a host whose settings or code must be mended first
READY_SECONDS = 60.0


class Supervisor:
    """Starts services stage by stage, starts them again when they end, stops them in the opposite order."""

    def __init__(self, *stages: Sequence[Service]) -> None:
        self._stages = stages
        self._processes: dict[str, Process] = {}
        # Children this process had before are somebody else's concern.
        self._strangers = children()

    async def run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Run until `stop` is set; `ready` is set when every service answers.

        Raises Transient where a service does not start, or ends because it cannot run as it is set up.
        """
        with adopting_orphans():
            await self._run(stop, ready)

    async def _run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self._bury_orphans(stop))]
        try:
            for stage in self._stages:
                for service in stage:
                    await self._start(service)
                keepers = [asyncio.create_task(self._keep(service, stop)) for service in stage]
                tasks += keepers
                for service, keeper in zip(stage, keepers, strict=True):
                    await self._until_ready(service, stop, keeper)
            if not stop.is_set():
                ready.set()
            await self._watch(tasks, stop)
        finally:
            stop.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._stop_all()

    async def _watch(self, tasks: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done - {stopping}:
            task.result()

    async def _start(self, service: Service) -> None:
        output = None
        if service.log:
            service.log.parent.mkdir(parents=True, exist_ok=True)
            output = service.log.open("ab")
        try:
            # A session of its own: Ctrl-C reaches the supervisor alone, which then stops in order.
            self._processes[service.name] = await asyncio.create_subprocess_exec(
                *service.command,
                env={**os.environ, **service.env},
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        finally:
            if output:
                output.close()

    async def _keep(self, service: Service, stop: asyncio.Event) -> None:
        loop, pauses = asyncio.get_running_loop(), growing(0.5, 15.0)
        started = loop.time()
        while True:
            code = await self._processes[service.name].wait()
            if stop.is_set():
                return
            if code == HOPELESS:
                raise Transient(f"{service.name} cannot run as it is set up.", _where(service))
            if loop.time() - started > 60:
                pauses = growing(0.5, 15.0)
            pause = next(pauses)
            log.warning(
                "%s ended (%s) and starts again in %.1f s. %s", service.name, _end(code), pause, _where(service)
            )
            if await stopped_within(stop, pause):
                return
            started = loop.time()
            await self._start(service)

    async def _until_ready(self, service: Service, stop: asyncio.Event, keeper: asyncio.Task[None]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS
        while not all([await answers(port.number, service.probe) for port in service.ports]):
            if keeper.done():
                keeper.result()
            if loop.time() > deadline:
                raise Transient(f"{service.name} did not answer in {READY_SECONDS:g} s.", _where(service))
            if await stopped_within(stop, 0.05):
                return

    async def _bury_orphans(self, stop: asyncio.Event) -> None:
        while not await stopped_within(stop, 1.0):
            bury(self._known())

    async def _stop_all(self) -> None:
        for service in reversed([service for stage in self._stages for service in stage]):
            if process := self._processes.get(service.name):
                await _end_group(process, service.patience)
        await _end_adopted(self._known())

    def _known(self) -> set[int]:
        return self._strangers | {process.pid for process in self._processes.values()}


async def answers(port: int, probe: str = "") -> bool:
    """Whether something listens on the port, and, with a path to probe, answers HTTP there."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if not probe:
                    return True
                writer.write(f"GET {probe} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def _end_group(process: Process, patience: float) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        log.warning("process %d did not end in %g s and is killed", process.pid, patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _end_adopted(known: set[int]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in children() - known:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        for _ in range(50):
            bury(known)
            if not children() - known:
                return
            await asyncio.sleep(0.1)


def _end(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _where(service: Service) -> str:
    return f"See {service.log}." if service.log else "See above."
