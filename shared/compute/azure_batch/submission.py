"""Jobs and tasks as Azure Batch is told of them: plain bodies in the service's own words."""

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.compute import Node, Task, tries
from shared.compute.azure import blob_address, duration, filled, task_environment
from shared.compute.names import job_id, log_name
from shared.errors import SettingsError
from shared.settings import Settings

type Body = dict[str, Any]
GROUP = 100
"""Tasks of one request: the service takes no more."""
ALL_ADDED = "terminatejob"
"""A job completes with its tasks from the moment it says so: only once all of them are there."""


@dataclass(frozen=True, slots=True)
class Submission:
    """An attempt at a run; `done` are the tasks that succeeded in earlier ones."""

    settings: Settings
    run_id: str
    attempt: int
    tasks: Sequence[Task]
    done: Collection[str] = ()

    @property
    def job_id(self) -> str:
        """The job's id."""
        return job_id(self.run_id, self.attempt)

    @property
    def pool_id(self) -> str:
        """The pool that runs the tasks."""
        return named(self.settings.batch_pool, self.tasks[0].image if self.tasks else "")

    def job(self) -> Body:
        """The job without its tasks. The first task that fails for good ends it."""
        return {
            "id": self.job_id,
            "displayName": self.run_id,
            "poolInfo": {"poolId": self.pool_id},
            "usesTaskDependencies": True,
            "onAllTasksComplete": "noaction",
            "onTaskFailure": "performexitoptionsjobaction",
            "constraints": {"maxWallClockTime": duration(self.settings.batch_job_seconds)},
            "commonEnvironmentSettings": [
                {"name": name, "value": value} for name, value in task_environment(self.settings).items()
            ],
            "metadata": self.metadata(),
        }

    def metadata(self) -> list[Body]:
        """What the job says of its run: its tasks, and how many of them it has not because they are done."""
        facts = {"run": self.run_id, "tasks": len(self.tasks), "done": self._done_count()}
        return [{"name": name, "value": str(value)} for name, value in facts.items()]

    def groups(self) -> Iterator[list[Body]]:
        """The tasks in groups of GROUP, made as they are asked for."""
        numbers = {task.id: number for number, task in enumerate(self.tasks, 1)}
        group: list[Body] = []
        for task in self.tasks:
            if task.id not in self.done:
                group.append(self._task(task, numbers))
            if len(group) == GROUP:
                yield group
                group = []
        if group:
            yield group

    def _done_count(self) -> int:
        return sum(1 for task in self.tasks if task.id in self.done)

    def _task(self, task: Task, numbers: dict[str, int]) -> Body:
        """A task. Its id is its place: only numbers can be depended on by the hundred thousand."""
        needs = sorted(numbers[need] for need in task.needs if need not in self.done)
        body: Body = {
            "id": str(numbers[task.id]),
            "displayName": task.id,
            "commandLine": shlex.join(("-m", tries.__name__)),
            "containerSettings": {
                "imageName": named(self.settings.batch_image, task.image),
                "containerRunOptions": f"--entrypoint=python{_gpus(vm_size(self.settings, task.node))}",
                "workingDirectory": "containerImageDefault",
            },
            # Not on the command line: what splits that on a node, and how, is not documented.
            "environmentSettings": [{"name": tries.VARIABLE, "value": _encoded(task)}],
            "outputFiles": [self._kept(task.id, stream) for stream in ("stdout", "stderr")],
            "constraints": {"maxWallClockTime": duration(_longest(task)), "retentionTime": "PT1H"},
        }
        if task.optional:
            body["exitConditions"] = {"default": {"jobAction": "none", "dependencyAction": "satisfy"}}
        if needs:
            body["dependsOn"] = {"taskIdRanges": list(ranges(needs))}
        return body

    def _kept(self, task_id: str, stream: str) -> Body:
        destination: Body = {
            "containerUrl": f"{blob_address(self.settings.control_storage)}/logs",
            "path": log_name(self.run_id, self.attempt, task_id, stream),
            "identityReference": {"resourceId": self.settings.batch_identity},
        }
        return {
            "filePattern": f"../{stream}.txt",
            "destination": {"container": destination},
            "uploadOptions": {"uploadCondition": "taskcompletion"},
        }


def _encoded(task: Task) -> str:
    """What the node needs of a task: nothing of the others."""
    return msgspec.json.encode(Task(task.id, task.image, task.command, (), task.retries, task.seconds)).decode()


def _longest(task: Task) -> int:
    """Seconds of all tries and the pauses between them, and some to begin and to end."""
    return task.seconds * (task.retries + 1) + (1 << task.retries) + 60


def ranges(numbers: Iterable[int]) -> Iterator[Body]:
    """Ascending numbers as ranges from start to end, both included."""
    start = end = None
    for number in numbers:
        if start is None or end is None:
            start = end = number
        elif number == end + 1:
            end = number
        else:
            yield {"start": start, "end": end}
            start = end = number
    if start is not None:
        yield {"start": start, "end": end}


def vm_size(settings: Settings, node: Node) -> str:
    """The size of such nodes."""
    return (settings.batch_video_vm_size if node is Node.GPU else "") or settings.batch_vm_size


def _gpus(size: str) -> str:
    """What gives a container the GPUs of its node, where a node of this size has some."""
    return " --gpus=all" if size.lower().startswith("standard_n") else ""


def named(template: str, image: str) -> str:
    """The name of an image or a pool; raises SettingsError where none is set."""
    if not template:
        raise SettingsError("BATCH_IMAGE is not set.", "It is like REGISTRY.azurecr.io/tally-{image}:TAG.")
    return filled(template, image)
