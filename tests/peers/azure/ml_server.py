"""A contract server of Azure Machine Learning in a thread of the tests, and what leads the app to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.azure.clock import Clock
from peers.azure.ml.local import machine_learning
from peers.azure.ml.service import MachineLearningService
from peers.azure.ml.state import Cluster
from shared.settings import Settings
from tests.peers.azure.contract_server import IDENTITY, Peer, running

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/tally"
    "/providers/Microsoft.MachineLearningServices/workspaces/tally"
)
MACHINE_LEARNING = {
    "COMPUTE": "azure_ml",
    "AML_WORKSPACE": WORKSPACE,
    "AML_IMAGE": "tally.azurecr.io/tally-{image}:1",
    "AML_IDENTITY": IDENTITY,
    "AML_VM_SIZE": "Standard_D4ads_v5",
    "AML_MAX_NODES": "2",
}


@dataclass(slots=True)
class MLContract(Peer):
    """A running server of Azure Machine Learning."""

    service: MachineLearningService

    @property
    def cluster(self) -> Cluster:
        return self.service.workspace.clusters["tally-anomaly"]


@contextmanager
def ml_server(folder: Path, settings: Mapping[str, str], speed: float = 6000) -> Iterator[MLContract]:
    """A server that lives until the block ends; raises AssertionError where anything broke the contract."""
    clock, everything = Clock(), MACHINE_LEARNING | dict(settings)
    service, history = machine_learning(Settings.from_env(everything), clock, "", folder / "ml", speed)
    with running(folder, [service, history], clock) as peer:
        service.workspace.url = peer.env["URL"]
        env = everything | {"AML_ENDPOINT": peer.env["URL"]} | peer.env
        yield MLContract(peer.app, peer.subscription, peer.registry, env, peer.loop, service)
