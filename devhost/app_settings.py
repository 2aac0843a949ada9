"""The app's settings as the host sees them: the settings file, and the environment over it."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from shared.errors import SettingsError
from shared.settings import load_local_settings

DEFAULTS = {"PYTHON_THREADPOOL_THREAD_COUNT": "4", "FUNCTIONS_WORKER_RUNTIME": "python"}
_REFERENCE = re.compile(r"%([^%\s]+)%")


def read_settings(root: Path, file: Path | None = None, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of the app in `root`; raises SettingsError where a file cannot be used."""
    values = _read_file(file) if file else load_local_settings(root)
    return {**DEFAULTS, **values, **env}


def expand(text: str, settings: Mapping[str, str]) -> str:
    """Replace every `%NAME%` by that setting; raises SettingsError where there is none."""
    return _REFERENCE.sub(lambda match: _value(match[1], text, settings), text)


def switched_on(settings: Mapping[str, str], name: str, default: bool) -> bool:
    """A yes-or-no setting; raises SettingsError for anything else."""
    text = settings.get(name, "").lower()
    if text in ("on", "true", "1", "yes"):
        return True
    if text in ("off", "false", "0", "no"):
        return False
    if text == "":
        return default
    raise SettingsError(f"{name} is {settings[name]!r}; it must be on or off.")


def names(settings: Mapping[str, str], name: str, default: str = "") -> tuple[str, ...]:
    """A setting that lists names, separated by commas."""
    return tuple(part.strip() for part in settings.get(name, default).split(",") if part.strip())


def whole_number(settings: Mapping[str, str], name: str, default: int) -> int:
    """A setting that counts something; raises SettingsError."""
    text = settings.get(name, "") or str(default)
    if not text.isdecimal():
        raise SettingsError(f"{name} is {text!r}, which is not a whole number.")
    return int(text)


def _value(name: str, text: str, settings: Mapping[str, str]) -> str:
    try:
        return settings[name]
    except KeyError:
        raise SettingsError(
            f"A binding says {text!r}, but there is no setting {name}.",
            "Add it to local.settings.json or to the environment.",
        ) from None


def _read_file(path: Path) -> dict[str, str]:
    try:
        values = json.loads(path.read_text())["Values"].items()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{path} is not a settings file: {error}.") from error
    return {str(name): str(value) for name, value in values}
