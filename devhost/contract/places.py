"""The settings that lead an app to a contract server on this machine, as if it were Azure."""

import secrets
from pathlib import Path

IDENTITY = (
    "/subscriptions/local/resourceGroups/local/providers/Microsoft.ManagedIdentity/userAssignedIdentities/tally-nodes"
)


def batch_settings(port: int, data: Path) -> dict[str, str]:
    """Settings of an app whose tasks run on Azure Batch, served on `port` with what the server keeps in `data`."""
    return {
        "BATCH_ENDPOINT": f"https://127.0.0.1:{port}",
        "BATCH_IMAGE": "local.azurecr.io/tally-{image}:1",
        "BATCH_IDENTITY": IDENTITY,
        "BATCH_MAX_NODES": "2",
        "TASK_THREADS": "1",
        "IDENTITY_ENDPOINT": f"https://127.0.0.1:{port}/msi/token",
        "IDENTITY_HEADER": secrets.token_hex(),
        "REQUESTS_CA_BUNDLE": str(data / "contract" / "authority.pem"),
    }
