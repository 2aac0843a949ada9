"""Workspaces of SDK v1: the request that starts a published pipeline, and what the SDK itself sends, where it is."""

import asyncio
import importlib.util
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from peers.azure.clock import Clock
from peers.azure.exchange import Answer, Contract, Operation, Refusal, Request
from peers.azure.faults import Kind
from peers.azure.ml.history import Unwritten
from peers.azure.ml.service import BASE
from shared.compute.azure_ml_v1 import main, trigger
from shared.errors import InvalidInput, SettingsError, Transient
from tests.peers.azure.contract_server import Peer, running
from tests.peers.azure.ml_server import WORKSPACE

STARTED = f"/pipelines/v1.0{BASE}/PipelineRuns/PipelineSubmit/{{pipeline}}"
POST = f"POST {STARTED}"
_, SUBSCRIPTION, _, GROUP, *_, NAME = WORKSPACE.strip("/").split("/")
PLACE = ("--subscription", SUBSCRIPTION, "--group", GROUP, "--workspace", NAME, "--cluster", "gpu")
HAS_SDK = importlib.util.find_spec("azureml") is not None
with_sdk = pytest.mark.skipif(
    not HAS_SDK,
    reason="azureml-core is not here: it has an environment of its own (requirements-azureml-v1.txt)",
)


@dataclass(slots=True)
class Region:
    """A region's services of SDK v1, as far as they are asked; keeps every body that it was sent."""

    url: str = ""
    state: str = "Succeeded"
    contract: Contract = field(default_factory=Unwritten)
    resource: str = "https://management.azure.com"
    sent: dict[str, Any] = field(default_factory=dict)

    def operations(self) -> list[Operation]:
        execution, history, content = f"/execution/v1.0{BASE}", f"/history/v1.0{BASE}", f"/content/v1.0{BASE}"
        computes, run = f"{BASE}/computes/{{name}}", f"{history}/experiments/{{experiment}}/runs/{{id}}"
        return [
            Operation("POST", STARTED, self.start_pipeline),
            Operation("GET", "/subscriptions", self.list_subscriptions),
            Operation("GET", BASE, self.show_workspace),
            Operation("GET", f"/rp/workspaces{BASE}/computes", self.list_clusters),
            Operation("GET", f"/rp/workspaces{computes}", self.get_cluster),
            Operation("PUT", computes, self.put_cluster),
            Operation("GET", computes, self.get_cluster),
            Operation("GET", "/operation", lambda request: Answer(200, {"status": self.state})),
            Operation("GET", f"{history}/experiments/{{experiment}}", lambda request, **names: Answer(200, {})),
            Operation("GET", f"{content}/snapshots/latest/metadata", self.show_snapshot),
            Operation("POST", f"{execution}/experiments/{{experiment}}/snapshotrun", self.start_run),
            Operation("PATCH", run, self.show_run),
            Operation("GET", run, self.show_run),
        ]

    def refused(self, refusal: Refusal) -> Answer:
        return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})

    async def live(self) -> None:
        await asyncio.Event().wait()

    def start_pipeline(self, request: Request, **names: str) -> Answer:
        self.sent["pipeline"] = request.json()
        return Answer(200, {"Id": "run-1", "IsSubmitted": True})

    def list_subscriptions(self, request: Request) -> Answer:
        return Answer(200, {"value": [{"subscriptionId": SUBSCRIPTION, "displayName": "tally"}]})

    def show_workspace(self, request: Request, **names: str) -> Answer:
        properties = {"workspaceId": "x", "discoveryUrl": f"{self.url}/discovery"}
        return Answer(200, {"id": WORKSPACE, "name": NAME, "location": "here", "properties": properties})

    def list_clusters(self, request: Request, **names: str) -> Answer:
        return Answer(200, {"value": [self.cluster()] if "cluster" in self.sent else []})

    def put_cluster(self, request: Request, **names: str) -> Answer:
        self.sent["cluster"] = request.json()
        return Answer(201, self.cluster(), {"azure-asyncoperation": f"{self.url}/operation"})

    def get_cluster(self, request: Request, **names: str) -> Answer:
        return Answer(200, self.cluster()) if "cluster" in self.sent else Answer(404)

    def show_snapshot(self, request: Request, **names: str) -> Answer:
        root = {"name": "", "hash": None, "type": "Directory", "timestamp": None, "children": {}}
        return Answer(200, {"id": "empty", "root": root})

    def start_run(self, request: Request, **names: str) -> Answer:
        self.sent |= {"id": request.query["runId"], "run": request.json()}
        return Answer(200, {"runId": request.query["runId"]})

    def show_run(self, request: Request, **names: str) -> Answer:
        shown = {"runId": names["id"], "rootRunId": names["id"], "runNumber": 1, "runUuid": "u"}
        return Answer(200, shown | {"dataContainerId": f"dcid.{names['id']}", "status": "Queued", "properties": {}})

    def cluster(self) -> dict[str, Any]:
        facts = {"provisioningState": self.state, "provisioningErrors": None, "isAttachedCompute": False}
        held = self.sent["cluster"] | {"id": f"{WORKSPACE}/computes/gpu", "name": "gpu", "tags": None}
        machines = {"subnet": None, "currentNodeCount": 0} | held["properties"]["properties"]
        described = {"description": None, "resourceId": None, "properties": machines}
        return held | {"properties": held["properties"] | facts | described}


@pytest.fixture
def region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Region, Peer]]:
    region = Region()
    with running(tmp_path, [region], Clock()) as peer:
        region.url = peer.env["URL"]
        for name, value in peer.env.items():
            monkeypatch.setenv(name, value)
        yield region, peer


def endpoint(region: Region) -> str:
    return region.url + STARTED.replace(BASE, WORKSPACE).replace("{pipeline}", "p-1")


def test_a_pipeline_is_started_with_the_video(region: tuple[Region, Peer], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trigger", endpoint(region[0]), "videos/a b.mp4", "--datastore", "uploads"]) == 0
    assert capsys.readouterr().out == "run-1\n"
    assert region[0].sent["pipeline"] == {
        "ExperimentName": "tally",
        "RunSource": "SDK",
        "DataPathAssignments": {"video_path": {"DataStoreName": "uploads", "RelativePath": "videos/a b.mp4"}},
    }


@pytest.mark.parametrize("kind", [Kind.CUT_AFTER, Kind.STATUS])
def test_a_pipeline_that_may_have_started_is_not_started_again(region: tuple[Region, Peer], kind: Kind) -> None:
    region[1].faults.add(kind, POST, times=9)
    with pytest.raises(Transient, match="studio"):
        trigger(endpoint(region[0]), "a.mp4")
    assert region[1].faults.requests[POST] == 1


@pytest.mark.parametrize(
    ("status", "error", "said"), [(403, SettingsError, "identity"), (404, InvalidInput, "was not started: status 404")]
)
def test_a_pipeline_that_is_refused_says_why(
    region: tuple[Region, Peer], status: int, error: type[Exception], said: str
) -> None:
    region[1].faults.add(Kind.STATUS, POST, status=status)
    with pytest.raises(error, match=said):
        trigger(endpoint(region[0]), "a.mp4")


def test_a_pipelines_answer_must_name_a_run(region: tuple[Region, Peer]) -> None:
    region[1].faults.add(Kind.NOT_JSON, POST)
    with pytest.raises(InvalidInput, match="was not started: status 200, <html>"):
        trigger(endpoint(region[0]), "a.mp4")


def test_no_identity_is_said_to_be_missing(region: tuple[Region, Peer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "of another")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    with pytest.raises(SettingsError, match="gets no token"):
        trigger(endpoint(region[0]), "a.mp4")


def test_a_token_is_sent_over_tls_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trigger", "http://pipelines.example/p", "a.mp4"]) == 2
    assert "begins with https" in capsys.readouterr().err


def test_what_cannot_be_reached_was_not_started(region: tuple[Region, Peer]) -> None:
    with pytest.raises(Transient, match="cannot be reached"):
        trigger("https://127.0.0.1:9/p", "a.mp4")


@pytest.mark.skipif(HAS_SDK, reason="azureml-core is here")
def test_without_the_sdk_it_is_said_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", *PLACE, "--vm-size", "Standard_NC4as_T4_v3"]) == 2
    assert "requirements-azureml-v1.txt" in capsys.readouterr().err


@pytest.fixture
def sdk(region: tuple[Region, Peer], monkeypatch: pytest.MonkeyPatch) -> Region:
    """The region, with the SDK led to it."""
    from azureml._restclient.service_context import ServiceContext  # type: ignore[import-not-found]
    from azureml.core.authentication import ArmTokenAuthentication  # type: ignore[import-not-found]

    services = ("api", "experimentation", "history", "hyperdrive", "modelmanagement", "studio")
    monkeypatch.setattr(ServiceContext, "_fetch_endpoints", lambda context: dict.fromkeys(services, region[0].url))
    monkeypatch.setattr(ArmTokenAuthentication("")._get_cloud_type().endpoints, "resource_manager", region[0].url)
    return region[0]


@with_sdk
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_is_made_once_with_no_nodes_and_an_identity(sdk: Region) -> None:
    assert main(["provision", *PLACE, "--vm-size", "Standard_NC4as_T4_v3", "--nodes", "4"]) == 0
    body = sdk.sent.pop("cluster")
    scale = {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT120S"}
    assert body["identity"] == {"type": "SystemAssigned"}
    assert body["properties"]["properties"]["scaleSettings"] == scale
    sdk.sent["cluster"] = body
    assert main(["provision", *PLACE, "--vm-size", "Standard_D2s_v3"]) == 0
    assert sdk.sent["cluster"] is body


@with_sdk
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_cannot_be_made_says_so(sdk: Region, capsys: pytest.CaptureFixture[str]) -> None:
    sdk.state = "Failed"
    assert main(["provision", *PLACE, "--vm-size", "Standard_NC4as_T4_v3"]) == 2
    assert "current provisioning state: Failed" in capsys.readouterr().err


@with_sdk
@pytest.mark.filterwarnings("ignore")
def test_an_mpi_run_is_submitted_under_its_id(sdk: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    address = {"ControlStorage__blobServiceUri": "https://control.blob.core.windows.net"}
    for name, value in address.items():
        monkeypatch.setenv(name, value)
    command = ["python", "-m", "scoring_images.style_transfer", "stylize", "--run", "run-1"]
    image = "tally.azurecr.io/tally-style-transfer:1"
    options = ["--id", "run-1-stylize", "--image", image, "--nodes", "4", "--processes", "2"]
    assert main(["submit", *PLACE, *options, "--", *command]) == 0
    assert sdk.sent["id"] == "run-1-stylize"
    sent = sdk.sent["run"]["Configuration"]
    assert (sent["nodeCount"], sent["mpi"]) == (4, {"processCountPerNode": 2, "nodeCount": 4})
    assert (sent["target"], sent["communicator"]) == ("gpu", "IntelMpi")
    assert sent["command"] == " ".join(command)
    assert sent["docker"]["useDocker"] is True
    assert sent["environment"]["docker"]["baseImage"] == image
    assert sent["environment"]["python"]["userManagedDependencies"] is True
    assert sent["environmentVariables"] == {"PYTHONPATH": "/app"} | address
