"""The ranks of a job: its command line without a shell, once per rank, as MPI starts it; nothing is left of them."""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL

from peers.azure.batch.execution import INHERITED, STOP_SECONDS
from peers.azure.ml.state import Job

APP = "/app"
SHELL = set("|&;<>()$`\\\"'*?[]#~%{}\n")


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs jobs as processes of this machine.

    `image_root` stands for the folder /app of every image. `identity` is what a node can do without a key in its
    environment: here, connection strings, where a real node has a managed identity.
    """

    root: Path
    image_root: Path
    identity: Mapping[str, str]
    absent_images: set[str] = field(default_factory=set)

    async def execute(self, job: Job) -> list[int]:
        """Run all ranks until they end, or one fails: then MPI ends the others. The exit codes, minus a signal."""
        job.starts += 1
        folder = job.folder = self.root / "jobs" / job.id
        (folder / "wd").mkdir(parents=True, exist_ok=True)
        (folder / "user_logs").mkdir(exist_ok=True)
        processes: list[asyncio.subprocess.Process] = []
        try:
            for rank in range(job.ranks):
                processes += [await self._start(job, folder, rank)]
            waiting = {asyncio.ensure_future(process.wait()) for process in processes}
            while waiting:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if any(each.result() for each in done):
                    break
        finally:
            await asyncio.shield(_end(processes))
        return [process.returncode or 0 for process in processes]

    async def _start(self, job: Job, folder: Path, rank: int) -> asyncio.subprocess.Process:
        arguments = shlex.split(job.body["properties"]["command"])
        program = sys.executable if arguments[0] == "python" else arguments[0]
        with (folder / "user_logs" / f"std_log_process_{rank}.txt").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                program, *arguments[1:], cwd=folder / "wd", env=self._environment(job, rank),
                stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _environment(self, job: Job, rank: int) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        asked = dict(job.body["properties"].get("environmentVariables") or {})
        if asked.get("PYTHONPATH") == APP:
            asked["PYTHONPATH"] = str(self.image_root)
        own = {"AZUREML_RUN_ID": job.id, "AZUREML_ARM_WORKSPACE_NAME": "contract"}
        if "distribution" in job.body["properties"]:
            own |= {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": str(job.ranks)}
        return inherited | dict(self.identity) | asked | own


def needs_shell(command: str) -> bool:
    """Whether a command line is more than words: what a shell would make of it is not known here."""
    return bool(SHELL & set(command))


async def _end(processes: list[asyncio.subprocess.Process]) -> None:
    """First a word to all, then, to those that are still there, the last one."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(process.wait() for process in processes)), STOP_SECONDS)
    for process in processes:
        _signal(process, signal.SIGKILL)
    await asyncio.gather(*(process.wait() for process in processes))


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
