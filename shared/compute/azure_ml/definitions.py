"""Jobs, environments and clusters as the workspace is told of them: plain bodies in the service's own words."""

import hashlib
from dataclasses import dataclass
from math import ceil

from shared.compute import Image, Node
from shared.compute.azure import duration, filled, task_environment
from shared.compute.azure_ml import rank
from shared.compute.azure_ml.notes import Order
from shared.compute.azure_ml.workspace import Body
from shared.compute.names import job_id
from shared.errors import InvalidInput, SettingsError
from shared.settings import Settings

FOLDER = "/app"
"""Where the scoring images keep the project; a job starts in a folder of the service's own."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A scoring image, as the workspace knows it: a version per image name, which never changes."""

    part: str
    body: Body

    @classmethod
    def of(cls, settings: Settings, image: str) -> "Environment":
        """The environment of an image; raises SettingsError where AML_IMAGE is not set."""
        if not settings.aml_image:
            raise SettingsError("AML_IMAGE is not set.", "It is like REGISTRY.azurecr.io/tally-{image}:TAG.")
        full = filled(settings.aml_image, image)
        version = hashlib.sha256(full.encode()).hexdigest()[:16]
        name = filled("tally-{image}", image)
        return cls(f"environments/{name}/versions/{version}", {"properties": {"image": full, "osType": "Linux"}})


@dataclass(frozen=True, slots=True)
class Submission:
    """An order, as the job that carries it out."""

    settings: Settings
    run_id: str
    order: Order

    @property
    def job_id(self) -> str:
        """The job's id, which follows from run and attempt."""
        return job_id(self.run_id, self.order.attempt)

    @property
    def image(self) -> Image:
        """The image of all tasks: a job has one. Raises InvalidInput where they name several."""
        images = {Image(task.image, task.node) for task in self.order.tasks}
        if len(images) > 1:
            names = ", ".join(sorted(image.name for image in images))
            raise InvalidInput(f"Run {self.run_id} needs the images {names}.", "A job has one.")
        return next(iter(images))

    def job(self) -> Body:
        """The job. With one rank it is started as it is, so that its image needs no MPI."""
        each = max(1, self.settings.aml_node_tasks)
        nodes = max(1, min(self.settings.aml_max_nodes, ceil(self.order.width() / each)))
        each = min(each, self.order.width())
        properties: Body = {
            "jobType": "Command",
            "displayName": self.run_id,
            "experimentName": filled("tally-{image}", self.image.name),
            "command": f"python -m {rank.__name__}",
            "environmentId": f"{self.settings.aml_workspace}/{Environment.of(self.settings, self.image.name).part}",
            "computeId": f"{self.settings.aml_workspace}/{cluster_part(self.settings, self.image.name)}",
            "resources": {"instanceCount": nodes},
            "limits": {"jobLimitsType": "Command", "timeout": duration(self.settings.aml_job_seconds)},
            "environmentVariables": self._environment(),
            "tags": {"run": self.run_id, "attempt": str(self.order.attempt)},
        }
        if nodes * each > 1:
            properties["distribution"] = {"distributionType": "Mpi", "processCountPerInstance": each}
        if self.settings.aml_identity:
            properties["identity"] = {"identityType": "Managed", "resourceId": self.settings.aml_identity}
        return {"properties": properties}

    def _environment(self) -> dict[str, str]:
        own = {rank.RUN: self.run_id, rank.ATTEMPT: str(self.order.attempt), "PYTHONPATH": FOLDER}
        return task_environment(self.settings) | own


def cluster_part(settings: Settings, image: str) -> str:
    """The cluster that runs an image's tasks, as a path below the workspace."""
    return f"computes/{filled(settings.aml_compute, image)}"


def vm_size(settings: Settings, node: Node) -> str:
    """The VM size of such nodes; empty where the app makes no cluster of them."""
    return (settings.aml_video_vm_size if node is Node.GPU else "") or settings.aml_vm_size


def cluster(settings: Settings, node: Node, location: str) -> Body | None:
    """A cluster of such nodes, with none while there is nothing to do; None where the settings have none made."""
    size = vm_size(settings, node)
    if not size:
        return None
    scale = {
        "minNodeCount": 0,
        "maxNodeCount": settings.aml_max_nodes,
        "nodeIdleTimeBeforeScaleDown": duration(settings.aml_warm_seconds),
    }
    priority = "LowPriority" if settings.aml_spot else "Dedicated"
    machines = {"vmSize": size, "vmPriority": priority, "scaleSettings": scale}
    body: Body = {"location": location, "properties": {"computeType": "AmlCompute", "properties": machines}}
    if settings.aml_identity:
        body["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {settings.aml_identity: {}}}
    return body
