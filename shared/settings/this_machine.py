"""What runs on this machine by the settings: the local host's own, and the storage accounts of an Azurite."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.errors import SettingsError, shown
from shared.settings.connection import Connection, read_connection
from shared.settings.faults import Faults
from shared.settings.rules import CONTAINER, Rule, Unusable, matching, ruled, truth, whole
from shared.settings.storage_account import DEVELOPMENT, DEVELOPMENT_KEY, Account, parse_account

HOST_STORAGE = "AzureWebJobsStorage"
STORAGE_SETTINGS = ("DataStorage", "ControlStorage", HOST_STORAGE)
NAMES = "Such names have 3 to 63 lower-case letters and digits, with single hyphens between them."
SERVICES = ("azurite", "eventhubs", "batch", "ml")


def _services(text: str) -> tuple[str, ...]:
    listed = names_in(text)
    if unknown := set(listed) - set(SERVICES):
        raise Unusable(f"but there is no service {', '.join(sorted(unknown))}.", f"There are {', '.join(SERVICES)}.")
    return listed


def _containers(text: str) -> tuple[str, ...]:
    listed = names_in(text)
    if unfit := next((name for name in listed if not re.fullmatch(CONTAINER, name)), ""):
        raise Unusable(f"but {shown(unfit)} cannot be the name of a container.", NAMES)
    return listed


HOST_SETTINGS: Mapping[str, tuple[Any, Rule]] = {
    "HOST_PORT": (7071, whole(0, 65_535)),
    "LOCAL_SERVICES": (SERVICES, _services),
    "DEVHOST_AUTH": (True, truth),
    "PYTHON_THREADPOOL_THREAD_COUNT": (4, whole(1, 10_000)),
    "DEVHOST_QUEUE_LEASE_SECONDS": (None, whole(1, 7 * 86_400)),
    "EVENT_GRID_CONTAINERS": ((), _containers),
    "EVENT_GRID_QUEUE": ("", matching(CONTAINER, f"the name of a queue. {NAMES}")),
}
"""By name: the default, and the rule of the text."""


def names_in(text: str) -> tuple[str, ...]:
    """The names that a text lists, separated by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def host_setting(env: Mapping[str, str], name: str) -> Any:
    """A setting of the local host; raises SettingsError."""
    default, rule = HOST_SETTINGS[name]
    return ruled(env, name, default, rule)


def local_accounts(env: Mapping[str, str]) -> list[Account]:
    """The storage accounts on this machine; raises SettingsError where they cannot be one Azurite."""
    found: dict[str, Account] = {}
    for setting in STORAGE_SETTINGS:
        text = Connection.from_env(setting, env).string
        account = parse_account(setting, text) if text else None
        if account is None or not account.local:
            continue
        _check_plain(setting, account)
        account = account if account.key else _with_key(setting, account)
        first = found.setdefault(account.name, account)
        if first.key != account.key or not all(map(_fit, next(iter(found.values())).ports, account.ports)):
            raise SettingsError(
                f"{setting} does not fit the other storage settings.",
                "Azurite has one port for blobs and one for queues, and one key per account; "
                f"UseDevelopmentStorage=true means ports 10000 and 10001 and the account {DEVELOPMENT}.",
            )
    return list(found.values())


def _check_plain(setting: str, account: Account) -> None:
    if any(address.lower().startswith("https:") for address in (account.blob, account.queue)):
        raise SettingsError(
            f"{setting} has https addresses on this machine, where Azurite is started without a certificate.",
            "Write http://, or leave azurite out of LOCAL_SERVICES where one of yours has a certificate.",
        )


def _fit(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


def _with_key(setting: str, account: Account) -> Account:
    """An account that a SAS opens, with the key that Azurite has to know."""
    if account.name != DEVELOPMENT:
        raise SettingsError(
            f"{setting} has a SAS for an account on this machine, but not the key that its Azurite needs.",
            "Set it to a connection string with an AccountKey, or leave azurite out of LOCAL_SERVICES.",
        )
    return replace(account, key=DEVELOPMENT_KEY)


def check_azurite(env: Mapping[str, str]) -> None:
    """Raises SettingsError where the storage accounts of this machine cannot be those of one Azurite."""
    if "azurite" in host_setting(env, "LOCAL_SERVICES"):
        local_accounts(env)


def check_compute_folder(folder: Path) -> None:
    """Raises SettingsError where local compute cannot keep its runs in the folder."""
    try:
        held = next(place for place in (folder, *folder.absolute().parents) if _is_there(place))
    except OSError as error:
        raise _unfit(folder, error.strerror or "no name of a folder") from None
    if not held.is_dir():
        raise _unfit(folder, f"{held} is no folder")
    if not os.access(held, os.W_OK):
        raise _unfit(folder, f"{held} may not be written by you")


def _is_there(place: Path) -> bool:
    try:
        return bool(place.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _unfit(folder: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"LOCAL_COMPUTE_DIR is {shown(str(folder))}, which cannot be used: {reason}.",
        "It is a folder for the runs of this machine, there or to be made.",
    )


def check_host(env: Mapping[str, str], faults: Faults) -> None:
    """Note what the local host cannot be started with."""
    for name in HOST_SETTINGS:
        with faults.gathered():
            host_setting(env, name)
    with faults.gathered():
        read_connection(HOST_STORAGE, env)
    with faults.gathered():
        if names_in(env.get("EVENT_GRID_CONTAINERS", "")) and not env.get("EVENT_GRID_QUEUE", "").strip():
            raise SettingsError("EVENT_GRID_CONTAINERS is set, but EVENT_GRID_QUEUE is not.", "Name the queue.")
