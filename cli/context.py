"""What commands share: settings as the app reads them, the accounts they name, and what moves runs."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.settings import Settings, load_local_settings
from shared.settings.start import settings_here
from shared.storage import Storage

if TYPE_CHECKING:
    from shared.runs.driver import Driver
    from shared.runs.workload import Workload

CODE = Path(__file__).resolve().parents[1]
"""Where the packages lie: the project's folder, or Python's site-packages."""
ROOT = CODE if (CODE / "host.json").is_file() else Path.cwd()
"""Folder of the settings and of `.tally`: the project's; of a `tally` installed from a wheel, that of its caller."""


@cache
def settings() -> Settings:
    """Settings of the environment, over those of local.settings.json or its sample; local paths from the root.

    Outside the project there is no sample: without a file the environment alone counts.
    """
    if ROOT == CODE or (ROOT / "local.settings.json").exists():
        os.environ.update(load_local_settings(ROOT) | os.environ)
    os.environ["LOCAL_COMPUTE_DIR"] = str(ROOT / (os.environ.get("LOCAL_COMPUTE_DIR", "").strip() or ".tally/compute"))
    return settings_here(os.environ, workloads())


def workloads() -> "Mapping[str, Workload[Any]]":
    """The workloads that there are, by name; imported when asked for, as numpy comes with them: a tenth of a second."""
    from shared.workloads import BY_NAME

    return BY_NAME


@cache
def storage() -> Storage:
    """The two accounts that the settings name; somebody waits, so one that is away is soon given up."""
    return Storage.from_settings(settings(), connect_retries=1)


@cache
def driver() -> "Driver":
    """What starts runs and moves them on, as in the app."""
    from shared.app import make_driver

    return make_driver(settings(), storage())
