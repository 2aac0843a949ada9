"""What is looked at before anything starts: every setting, what the chosen compute needs, what this machine runs."""

import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from shared.errors import SettingsError
from shared.settings.checks import check_complete
from shared.settings.connection import Connection
from shared.settings.faults import Faults
from shared.settings.fields import Settings
from shared.settings.spelling import misspelt
from shared.settings.this_machine import HOST_STORAGE, check_azurite, check_compute_folder, check_host

INGESTING = ("AzureWebJobs.ingest_readings.Disabled", "AzureWebJobs.flush_readings.Disabled")


def check_app(workloads: Collection[str], env: Mapping[str, str] = os.environ) -> None:
    """Raises SettingsError naming all settings with which the app of these workloads cannot work as they are.

    Warns of misspelt ones.
    """
    faults = Faults()
    check_complete(Settings.read(env, faults), workloads, faults)
    faults.raise_all()
    for says in misspelt(env):
        logging.getLogger("tally").warning(says)


def settings_here(env: Mapping[str, str], workloads: Collection[str], *, serving: bool = False) -> Settings:
    """The settings of an app on this machine; raises SettingsError naming all that it or its host cannot work with.

    `serving` looks at the services as well: whether there is something to reach each by, one Azurite for all, and a
    folder for the runs of local compute.
    """
    faults = Faults()
    settings = Settings.read(env, faults)
    check_complete(settings, workloads, faults)
    check_host(env, faults)
    if serving:
        _check_connections(env, faults)
        with faults.gathered():
            check_azurite(env)
        with faults.gathered():
            check_compute_folder(Path(settings.local_compute_dir))
    faults.raise_all()
    return settings


def _check_connections(env: Mapping[str, str], faults: Faults) -> None:
    needed = {"DataStorage": "blobServiceUri", "ControlStorage": "blobServiceUri"}
    if not all(env.get(name, "").strip().lower() in ("true", "1", "yes", "on") for name in INGESTING):
        needed |= {"EventHubs": "fullyQualifiedNamespace", HOST_STORAGE: "blobServiceUri"}
    for name, part in needed.items():
        with faults.gathered():
            if not Connection.from_env(name, env).is_set:
                raise SettingsError(
                    f"{name} is not set.",
                    f"Set {name} to a connection string, or {name}__{part} to an address for an identity; "
                    "local.settings.sample.json has what this machine needs.",
                )
