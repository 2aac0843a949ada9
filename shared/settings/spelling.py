"""Names of settings that are nearly right: Azure adds names of its own, so these are told, not refused."""

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches

from shared.settings.connection import PARTS
from shared.settings.fields import Settings

HOST_NAMES = (
    *("HOST_PORT", "LOCAL_SERVICES", "DEVHOST_AUTH", "DEVHOST_QUEUE_LEASE_SECONDS"),
    *("EVENT_GRID_CONTAINERS", "EVENT_GRID_QUEUE", "AZURE_FILES_KEY", "PYTHON_THREADPOOL_THREAD_COUNT"),
    *("FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"),
)
"""What the local host and the real one read beside the app."""
_IDENTITY = (*PARTS, "__tableServiceUri", "__accountName", "__credential", "__clientId")
_CONNECTIONS = ("DataStorage", "ControlStorage", "EventHubs", "AzureWebJobsStorage")
_NEAR = 0.86
_COPIES = ("APPSETTING_", "CUSTOMCONNSTR_")  # Azure puts every setting beside itself under these names


def known_names() -> list[str]:
    """Every name that means something to the app or its host."""
    own = [each.metadata["env"] for each in fields(Settings)]
    return [*own, *HOST_NAMES, *(f"{name}{part}" for name in _CONNECTIONS for part in _IDENTITY)]


def misspelt(names: Iterable[str]) -> list[str]:
    """A sentence for each name that is no setting, but nearly the name of one."""
    known = known_names()
    by_small = {name.lower(): name for name in known}
    found = []
    for name in sorted(name for name in set(names) - set(known) if not name.startswith(_COPIES)):
        near = get_close_matches(name.lower(), by_small, 1, _NEAR)
        if near:
            found.append(f"{name} is not a setting. Is {by_small[near[0]]} meant?")
    return found
