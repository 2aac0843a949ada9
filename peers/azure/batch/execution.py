"""A task's process: its command line without a shell, its environment, its directories, its limits."""

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

from peers.azure.batch.state import Account, Body, Job, Node, Pool, Task, seconds_of
from peers.azure.batch.uploads import UploadFailed, upload
from peers.azure.exchange import Refusal

STOP_SECONDS = 5
_EXIT_CODE = "The task exited with an exit code representing a failure"
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "NUMBA_CACHE_DIR", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended: its exit code, and where it failed, why."""

    exit_code: int | None
    failure: Body | None

    @property
    def retriable(self) -> bool:
        """Batch tries again what ended with another exit code than 0, and nothing else."""
        return self.failure is not None and bool(self.exit_code)


@dataclass(slots=True)
class Executor:
    """Runs tasks as processes of this machine.

    `image_root` stands for the working directory of every image. `identity` is what a node can do without a key in its
    environment: here, connection strings, where a real node has a managed identity.
    """

    account: Account
    image_root: Path
    identity: Mapping[str, str]
    absent_images: set[str] = field(default_factory=set)

    async def execute(self, pool: Pool, job: Job, task: Task, node: Node) -> Outcome:
        """Run the task once, then upload its output files; a cancelled one leaves no process."""
        body = task.body()
        if "containerSettings" in body and not pool.runs_containers:
            return _failed(
                None, "ContainerInvalidSettings", "The container settings are invalid.", "No containers here."
            )
        image = body.get("containerSettings", {}).get("imageName", "")
        if image in self.absent_images:
            return _failed(None, "ContainerInvalidImage", "The container image cannot be pulled.", image)
        folder = node.folder / "workitems" / job.id / "job-1" / task.id
        (folder / "wd").mkdir(parents=True, exist_ok=True)
        task.folder = folder
        outcome = await self._process(body, folder, self._environment(pool, job, task, node, body))
        condition = "tasksuccess" if outcome.failure is None else "taskfailure"
        try:
            await asyncio.to_thread(upload, body.get("outputFiles", []), folder / "wd", condition, self.identity)
        except UploadFailed as error:
            return _failed(None, "FileUploadFailed", "An output file could not be uploaded.", str(error))
        return outcome

    async def _process(self, body: Body, folder: Path, env: dict[str, str]) -> Outcome:
        settings = body.get("containerSettings", {})
        inside = settings.get("workingDirectory") == "containerImageDefault"
        limit = seconds_of(body.get("constraints", {}).get("maxWallClockTime"))
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            try:
                process = await asyncio.create_subprocess_exec(
                    *_arguments(body["commandLine"], settings),
                    cwd=self.image_root if inside else folder / "wd",
                    env=env, stdin=DEVNULL, stdout=out, stderr=err, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                return _failed(None, "CommandProgramNotFound", "The command line cannot be started.", str(error))
            try:
                code = await asyncio.wait_for(process.wait(), limit)
            except TimeoutError:
                return _failed(None, "TaskWallClockTimeExceeded", "The maximum execution time was exceeded.", "")
            finally:
                await _end(process)
        if code == 0:
            return Outcome(0, None)
        code = code if code > 0 else 128 - code
        failed = _failed(code, "FailureExitCode", _EXIT_CODE, "The task process exited with an unexpected exit code")
        details = failed.failure["details"] if failed.failure else []
        details.append({"name": "AdditionalErrorCode", "value": "FailureExitCode"})
        return failed

    def _environment(self, pool: Pool, job: Job, task: Task, node: Node, body: Body) -> dict[str, str]:
        settings = [*job.body.get("commonEnvironmentSettings", []), *body.get("environmentSettings", [])]
        named = {name: os.environ[name] for name in INHERITED if name in os.environ}
        asked = {each["name"]: each.get("value", "") for each in settings}
        folder = task.folder or node.folder
        return named | dict(self.identity) | asked | {
            "AZ_BATCH_ACCOUNT_NAME": "contract",
            "AZ_BATCH_ACCOUNT_URL": self.account.url,
            "AZ_BATCH_POOL_ID": pool.id,
            "AZ_BATCH_NODE_ID": node.id,
            "AZ_BATCH_NODE_IS_DEDICATED": str(node.dedicated).lower(),
            "AZ_BATCH_JOB_ID": job.id,
            "AZ_BATCH_TASK_ID": task.id,
            "AZ_BATCH_NODE_ROOT_DIR": str(node.folder),
            "AZ_BATCH_NODE_SHARED_DIR": str(node.folder / "shared"),
            "AZ_BATCH_NODE_MOUNTS_DIR": str(node.folder / "fsmounts"),
            "AZ_BATCH_TASK_DIR": str(folder),
            "AZ_BATCH_TASK_WORKING_DIR": str(folder / "wd"),
        }  # fmt: skip


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing of a container: its first process may end what it began, then it is killed."""
    try:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
    finally:  # also where the wait is cancelled, for another reason than what ended the process
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _arguments(command_line: str, container: Body) -> list[str]:
    """The program and its arguments; in a container, as `docker create --entrypoint` puts them together."""
    options = shlex.split(container.get("containerRunOptions", ""))
    entry = [option.partition("=")[2] for option in options if option.startswith("--entrypoint=")]
    if container and not entry:
        raise Refusal(501, "NotSimulated", "What an image's own ENTRYPOINT does is not known here.")
    arguments = [*entry, *shlex.split(command_line)]
    return [sys.executable if arguments[0] == "python" else arguments[0], *arguments[1:]]


def _failed(code: int | None, name: str, message: str, detail: str) -> Outcome:
    failure: Body = {"category": "UserError", "code": name, "message": message}
    if detail:
        failure["details"] = [{"name": "Message", "value": detail}]
    return Outcome(code, failure)
