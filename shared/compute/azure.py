"""What Azure Batch and Azure Machine Learning have in common: names, timeouts, and what tasks are told.

`service_message` puts what either says of an error into one line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from shared.errors import SettingsError
from shared.settings import Connection, Settings
from shared.settings.storage_account import parse_account

TIMEOUTS = {"connection_timeout": 10, "read_timeout": 60}


def filled(template: str, image: str) -> str:
    """A name with an image's in it."""
    return template.replace("{image}", image.replace("_", "-"))


def duration(seconds: int) -> str:
    """Seconds in ISO 8601."""
    return f"PT{seconds}S"


def folded(word: object) -> str:
    """A state, status or code as it is compared: the services write them with other capitals than they document."""
    return str(getattr(word, "value", word) or "").lower()


def service_message(error: Mapping[str, Any]) -> str:
    """What a service says of an error, in one line: its code, its sentence, and the details that have a value.

    `error` is the error as parsed, or what holds it as `error`: `code`, `message` (text, or with the text as `value`),
    and `values`, `details` or `errorDetails`, which are names with values or errors themselves. The SDKs' models are
    such mappings.
    """
    while isinstance(held := error.get("error"), Mapping):
        error = held
    parts: list[str] = []
    code = _words(error.get("code"))
    for part in (code, _sentence(error.get("message")), *_details(error)):
        if part and part not in parts:
            parts.append(part)
    coded = len(parts) > 1 and parts[0] == code
    return f"{parts[0]}: {'; '.join(parts[1:])}" if coded else "; ".join(parts)


def _sentence(message: object) -> str:
    """The line of a message that says something: not those that number the request, and words rather than codes."""
    telling = _telling(message.get("value") if isinstance(message, Mapping) else message)
    worded = next((line for line in telling if line.startswith("Error Message:")), "")
    return (worded.removeprefix("Error Message:").strip() or next(iter(telling), "")).rstrip(".")


def _telling(text: object) -> list[str]:
    lines = [line.strip() for line in str("" if text is None else text).splitlines()]
    return [line for line in lines if line and not line.startswith(("RequestId:", "Time:"))]


def _words(text: object) -> str:
    return " ".join(" ".join(_telling(text)).split()).rstrip(".")


def _details(error: Mapping[str, Any]) -> Iterator[str]:
    for each in (*_items(error, "values"), *_items(error, "details"), *_items(error, "errorDetails")):
        name, text = _words(each.get("key") or each.get("name")), _words(each.get("value"))
        if text not in ("", _words(error.get("code"))):
            yield text if name in ("", "Message") else f"{name}: {text}"
        elif each.get("message"):
            yield _sentence(each["message"])
            yield from _details(each)


def _items(error: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    held = error.get(name)
    return [each for each in held if isinstance(each, Mapping)] if isinstance(held, list) else []


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
