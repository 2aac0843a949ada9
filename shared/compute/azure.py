"""What Azure Batch and Azure Machine Learning have in common: how patiently they are asked, and what tasks are told."""

from dataclasses import fields

from shared.errors import SettingsError
from shared.settings import Connection, Settings
from shared.settings.storage_account import parse_account

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further try: a function that waited longer would block its worker; its message comes again."""
LONGEST_WAIT = 10.0
TIMEOUTS = {"connection_timeout": 10, "read_timeout": 60}
PASSING = frozenset({408, 429, 500, 502, 503, 504})
VIDEO = "style_transfer"
"""The image whose nodes may be of a size of their own."""


def filled(template: str, image: str) -> str:
    """A name with an image's in it."""
    return template.replace("{image}", image.replace("_", "-"))


def duration(seconds: int) -> str:
    """Seconds in ISO 8601."""
    return f"PT{seconds}S"


def task_environment(settings: Settings) -> dict[str, str]:
    """The settings that differ from their defaults, as a task's environment has them; never a connection string."""
    found: dict[str, str] = {}
    for each in fields(settings):
        value, name = getattr(settings, each.name), each.metadata["env"]
        if isinstance(value, Connection):
            found |= _addresses(value)
        elif value != each.default:
            found[name] = str(value)
    return found


def _addresses(connection: Connection) -> dict[str, str]:
    held = {
        "blobServiceUri": connection.blob_uri,
        "queueServiceUri": connection.queue_uri,
        "fullyQualifiedNamespace": connection.namespace,
    }
    return {f"{connection.name}__{part}": value for part, value in held.items() if value}


def blob_address(connection: Connection) -> str:
    """The address of an account's blobs, without a key; raises SettingsError."""
    if connection.blob_uri:
        return connection.blob_uri.rstrip("/")
    if not connection.string:
        raise SettingsError(f"{connection.name} names no storage account.", "The logs of tasks are kept there.")
    return parse_account(connection.name, connection.string).blob
