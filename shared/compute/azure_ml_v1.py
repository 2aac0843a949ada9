"""For workspaces that still run Azure Machine Learning SDK v1 (azureml-core): clusters, MPI runs, published pipelines.

Microsoft ended its support of SDK v1 on 2026-06-30: errors of the SDK and of the service behind it are not mended any
more. COMPUTE=azure_ml needs none of this. It runs in an environment of its own,
`pip install --require-hashes -r requirements-azureml-v1.txt`; triggering a pipeline works in the app's too.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from shared.clouds import cloud_of, resource_manager
from shared.compute.azure import TIMEOUTS, task_environment
from shared.compute.azure_ml.definitions import FOLDER
from shared.compute.patience import PASSING
from shared.errors import InvalidInput, SettingsError, TallyError, Transient
from shared.identity import Identity
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class MpiRun:
    """A command that MPI starts `nodes` times `processes` times, in an image with Open MPI that has the project."""

    run_id: str
    image: str
    cluster: str
    command: tuple[str, ...]
    nodes: int = 1
    processes: int = 1


def provision(workspace: Any, name: str, vm_size: str, max_nodes: int) -> Any:
    """The cluster (azureml AmlCompute) of a name, made with no nodes and an identity of its own where there is none."""
    from azureml.core.compute import AmlCompute, ComputeTarget  # type: ignore[import-not-found]

    if name in (held := workspace.compute_targets):
        return held[name]
    wanted = AmlCompute.provisioning_configuration(
        vm_size, min_nodes=0, max_nodes=max_nodes, idle_seconds_before_scaledown=120, identity_type="SystemAssigned"
    )
    made = ComputeTarget.create(workspace, name, wanted)
    made.wait_for_completion()
    return made


def submit(workspace: Any, wanted: MpiRun, settings: Settings) -> Any:
    """Submit an MPI run under the id that it names; returns the azureml Run. Its code is in the image."""
    from azureml.core import Environment, Experiment, ScriptRunConfig  # type: ignore[import-not-found]
    from azureml.core.runconfig import DockerConfiguration, MpiConfiguration  # type: ignore[import-not-found]

    environment = Environment("tally")
    environment.docker.base_image = wanted.image
    environment.python.user_managed_dependencies = True
    with TemporaryDirectory(prefix="tally-") as empty:  # what lies in it would be sent along
        config = ScriptRunConfig(
            empty,
            command=[shlex.join(wanted.command)],
            compute_target=wanted.cluster,
            environment=environment,
            docker_runtime_config=DockerConfiguration(use_docker=True),  # else it runs beside the image
            distributed_job_config=MpiConfiguration(process_count_per_node=wanted.processes, node_count=wanted.nodes),
        )
        config.run_config.environment_variables = {"PYTHONPATH": FOLDER, **task_environment(settings)}
        return Experiment(workspace, "tally").submit(config, run_id=wanted.run_id)


def trigger(endpoint: str, video_path: str, datastore: str = "workspaceblobstore") -> str:
    """Start a published pipeline with a video of a datastore; returns the id of its run.

    `endpoint` is what the published pipeline shows as its REST endpoint. One request and no more: the service makes up
    the id, so a second would be a second run. Raises InvalidInput, SettingsError, Transient.
    """
    from azure.core.exceptions import AzureError, ServiceRequestError

    if not endpoint.startswith("https://"):
        raise InvalidInput(f"{endpoint} is no address that a token may be sent to.", "It begins with https://.")
    try:
        answer = _posted(endpoint, {"DataStoreName": datastore, "RelativePath": video_path})
    except ServiceRequestError as error:
        raise Transient(f"The pipeline cannot be reached: {error}.", "Try again.") from error
    except AzureError as error:
        raise Transient(f"The pipeline may have started or not: {error}.", "Look in the studio.") from error
    return _run_of(answer)


def _posted(endpoint: str, video: dict[str, str]) -> Any:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, UserAgentPolicy
    from azure.core.rest import HttpRequest

    body = {"ExperimentName": "tally", "RunSource": "SDK", "DataPathAssignments": {"video_path": video}}
    scope = f"{cloud_of(endpoint).resource_manager}/.default"
    policies = [UserAgentPolicy("tally"), BearerTokenCredentialPolicy(Identity(endpoint), scope)]
    options: dict[str, Any] = dict(TIMEOUTS)
    with PipelineClient[Any, Any](endpoint, policies=policies, **options) as client:
        return client.send_request(HttpRequest("POST", endpoint, json=body))


def _run_of(answer: Any) -> str:
    """The id of the run that an answer tells of."""
    status, said = answer.status_code, answer.text()[:300]
    if status in (401, 403):
        raise SettingsError(f"The pipeline refuses the identity (status {status}): {said}")
    if status in PASSING:
        raise Transient(f"The pipeline does not answer as it should: status {status}.", "Look in the studio first.")
    try:
        return str(answer.json()["Id"])
    except (ValueError, LookupError, TypeError):
        raise InvalidInput(f"The pipeline was not started: status {status}, {said}") from None


def parser() -> argparse.ArgumentParser:
    """The command line."""
    main = argparse.ArgumentParser("shared.compute.azure_ml_v1", description=__doc__)
    commands = main.add_subparsers(dest="verb", required=True, metavar="VERB")
    making = commands.add_parser("provision", help="make a cluster that has no nodes while there is nothing to do")
    making.add_argument("--vm-size", required=True, help="such as Standard_NC4as_T4_v3")
    running = commands.add_parser(
        "submit", help="run a command as one MPI run", description="Its processes get the settings of the environment."
    )
    running.add_argument("--id", required=True, help="id of the run, such as RUN-stylize")
    running.add_argument("--image", required=True, help="REGISTRY.azurecr.io/tally-style-transfer:TAG")
    running.add_argument("--processes", type=int, default=1, help="how many processes per node (default 1)")
    running.add_argument("command", nargs="+", metavar="COMMAND", help="what every process runs, after --")
    starting = commands.add_parser("trigger", help="start a published pipeline with a video")
    starting.add_argument("endpoint", help="its REST endpoint")
    starting.add_argument("video_path", help="the video, as a path in the datastore")
    starting.add_argument("--datastore", default="workspaceblobstore", help="(default workspaceblobstore)")
    for each in (making, running):
        for name in ("subscription", "group", "workspace", "cluster"):
            each.add_argument(f"--{name}", required=True)
        each.add_argument("--nodes", type=int, default=1, help="how many nodes (default 1)")
    return main


def run(arguments: argparse.Namespace) -> str:
    """Do what the command line asks for; returns the name of what was made."""
    if arguments.verb == "trigger":
        return trigger(arguments.endpoint, arguments.video_path, arguments.datastore)
    try:
        from azureml.exceptions import AzureMLException  # type: ignore[import-not-found]
    except ImportError as error:
        hint = "Install requirements-azureml-v1.txt in an environment of its own."
        raise SettingsError(f"azureml-core is not here ({error}).", hint) from error
    try:
        return _done_in_workspace(arguments)
    except AzureMLException as error:
        raise InvalidInput(f"SDK v1 says: {error.message}") from error


def _done_in_workspace(a: argparse.Namespace) -> str:
    from azureml.core import Workspace
    from azureml.core.authentication import ArmTokenAuthentication  # type: ignore[import-not-found]

    settings = Settings.from_env()
    cloud = cloud_of(resource_manager(settings))
    token = Identity(cloud.resource_manager).get_token(f"{cloud.resource_manager}/.default").token
    workspace = Workspace.get(a.workspace, ArmTokenAuthentication(token, cloud.sdk_v1), a.subscription, a.group)
    if a.verb == "provision":
        return str(provision(workspace, a.cluster, a.vm_size, a.nodes).name)
    wanted = MpiRun(a.id, a.image, a.cluster, tuple(a.command), a.nodes, a.processes)
    return str(submit(workspace, wanted, settings).id)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; returns its exit code."""
    try:
        print(run(parser().parse_args(argv)))
    except TallyError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, InvalidInput) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
