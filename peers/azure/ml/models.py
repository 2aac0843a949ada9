"""What the app may send to a workspace, written down by hand: used where Microsoft's files are not at hand."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from peers.azure.exchange import Answer, Operation, Request

Duration = Annotated[str, msgspec.Meta(pattern=r"^P(T?\d+[DHMS])+$")]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A body that has no other members than these."""


class _Resources(Strict):
    instance_count: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Mpi(Strict):
    distribution_type: Literal["Mpi"]
    process_count_per_instance: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Limits(Strict):
    job_limits_type: Literal["Command"]
    timeout: Duration | None = None


class _Identity(Strict):
    identity_type: Literal["Managed"]
    resource_id: str


class _Job(Strict):
    job_type: Literal["Command"]
    command: str
    environment_id: str
    compute_id: str
    display_name: str = ""
    experiment_name: str = "Default"
    resources: _Resources | None = None
    distribution: _Mpi | None = None
    limits: _Limits | None = None
    identity: _Identity | None = None
    environment_variables: dict[str, str] | None = None
    tags: dict[str, str] | None = None


class _Environment(Strict):
    image: str
    os_type: Literal["Linux"] = "Linux"


class _Scale(Strict):
    max_node_count: int
    min_node_count: int = 0
    node_idle_time_before_scale_down: Duration | None = None


class _Machines(Strict):
    vm_size: str
    scale_settings: _Scale
    vm_priority: Literal["Dedicated", "LowPriority"] = "Dedicated"


class _Cluster(Strict):
    compute_type: Literal["AmlCompute"]
    properties: _Machines


class _Body[T](Strict):
    properties: T
    location: str | None = None
    identity: dict[str, Any] | None = None


_BODIES: dict[str, Any] = {"jobs": _Body[_Job], "environments": _Body[_Environment], "computes": _Body[_Cluster]}


@dataclass(frozen=True, slots=True)
class OwnModels:
    """A contract of what the app sends; answers are taken as they are."""

    api_version: str

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        if set(request.query) != {"api-version"} or request.query["api-version"] != self.api_version:
            return [f"the query is not api-version={self.api_version}"]
        if operation.method != "PUT":
            return ["a body, where none belongs"] if request.content else []
        kind = operation.template.partition("/{workspaceName}/")[2].partition("/")[0]
        try:
            msgspec.convert(request.json(), _BODIES[kind])
        except msgspec.ValidationError as error:
            return [str(error)]
        return []

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        return []
