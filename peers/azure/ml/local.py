"""A workspace as the settings name it, on this machine."""

from pathlib import Path

from peers.azure.clock import Clock
from peers.azure.ml.history import HistoryService
from peers.azure.ml.service import MachineLearningService
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


def machine_learning(
    settings: Settings, clock: Clock, url: str, root: Path, speed: float
) -> tuple[MachineLearningService, HistoryService]:
    """The workspace, and the history of its jobs.

    The nodes get the connection strings of the settings, where real ones have an identity.
    """
    connections = (settings.data_storage, settings.control_storage)
    identity = {each.name: each.string for each in connections if each.string}
    service = MachineLearningService(clock, url, root, ROOT, identity, settings.aml_workspace, speed=speed)
    return service, HistoryService(service.workspace)
