"""The settings that lead an app to a contract server on this machine, as if it were Azure."""

import secrets
from pathlib import Path

IDENTITY = (
    "/subscriptions/local/resourceGroups/local/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tally-nodes"
)

WORKSPACE = "/subscriptions/local/resourceGroups/local/providers/Microsoft.MachineLearningServices/workspaces/tally"


def batch_settings(port: int, data: Path) -> dict[str, str]:
    """Settings of an app whose tasks run on Azure Batch, served on `port` with what the server keeps in `data`."""
    return {
        "BATCH_ENDPOINT": f"https://127.0.0.1:{port}",
        "BATCH_IMAGE": f"127.0.0.1:{port}/tally-{{image}}:1",
        "BATCH_IDENTITY": IDENTITY,
        "BATCH_MAX_NODES": "2",
        **_identity(port, data),
    }


def ml_settings(port: int, data: Path) -> dict[str, str]:
    """The same for Azure Machine Learning; the app makes the clusters itself."""
    return {
        "AML_WORKSPACE": WORKSPACE,
        "AML_IMAGE": f"127.0.0.1:{port}/tally-{{image}}:1",
        "AML_IDENTITY": IDENTITY,
        "AML_VM_SIZE": "Standard_D4ads_v5",
        "AML_MAX_NODES": "2",
        **_identity(port, data),
    }


def _identity(port: int, data: Path) -> dict[str, str]:
    return {
        "AML_ENDPOINT": f"https://127.0.0.1:{port}",
        "TASK_THREADS": "1",
        "IDENTITY_ENDPOINT": f"https://127.0.0.1:{port}/msi/token",
        "IDENTITY_HEADER": secrets.token_hex(),
        "REQUESTS_CA_BUNDLE": str(data / "contract" / "authority.pem"),
    }
