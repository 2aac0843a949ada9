"""The app's settings as the host sees them: the settings file, and the environment over it."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from shared.errors import SettingsError
from shared.settings import Connection, Settings, load_local_settings, read_settings_file
from shared.settings.rules import ruled, truth

DEFAULTS = {"PYTHON_THREADPOOL_THREAD_COUNT": "4", "FUNCTIONS_WORKER_RUNTIME": "python"}
_REFERENCE = re.compile(r"%([^%\s]+)%")
_APP_DEFAULTS = {
    each.metadata["env"]: str(each.default) for each in fields(Settings) if not isinstance(each.default, Connection)
}


def read_settings(root: Path, file: Path | None = None, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of the app in `root`; raises SettingsError where a file cannot be used."""
    values = read_settings_file(file) if file else load_local_settings(root)
    return {**DEFAULTS, **values, **env}


def expand(text: str, settings: Mapping[str, str]) -> str:
    """Replace every `%NAME%` by that setting, or its default in the app; raises SettingsError where there is none."""
    return _REFERENCE.sub(lambda match: _value(match[1], text, settings), text)


def switched_on(settings: Mapping[str, str], name: str, default: bool) -> bool:
    """A yes-or-no setting; raises SettingsError for anything else."""
    return bool(ruled(settings, name, default, truth))


def _value(name: str, text: str, settings: Mapping[str, str]) -> str:
    if held := settings.get(name) or _APP_DEFAULTS.get(name):
        return held
    raise SettingsError(
        f"A binding says {text!r}, but there is no setting {name}.",
        "Add it to local.settings.json or to the environment.",
    )
