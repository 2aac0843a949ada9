"""local.settings.json as people have it: read as Core Tools read it, or refused with a sentence that says why.

Core Tools use Newtonsoft's JSON, which takes comments and commas too many:
https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
"""

import codecs
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shared.errors import SettingsError, shown
from shared.settings.faults import Faults

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)
SAMPLE = "The project has one that works: local.settings.sample.json, host.json."


class _Twice(ValueError):
    """A name is there more than once; JSON would silently take the last."""


def load_local_settings(root: Path) -> dict[str, str]:
    """Values of local.settings.json, or of the sample where there is none; raises SettingsError."""
    path = root / "local.settings.json"
    return read_settings_file(path if path.exists() else root / "local.settings.sample.json")


def read_settings_file(path: Path) -> dict[str, str]:
    """The values of a settings file as text, without those that are null; raises SettingsError."""
    document = read_json(path, "a settings file", numbers=str)
    sections = {name.lower(): value for name, value in document.items()}
    if len(sections) < len(document):
        raise SettingsError(f"{path} has a section twice: {', '.join(document)}.", "Remove one of the two.")
    if str(sections.get("isencrypted", False)).lower() == "true":
        raise SettingsError(f"{path} is encrypted (IsEncrypted).", "Decrypt it: `func settings decrypt`.")
    values = sections.get("values")
    if not isinstance(values, dict):
        raise SettingsError(f'{path} is not a settings file: it has no object "Values".', SAMPLE)
    faults, held = Faults(), {}
    for name, value in values.items():
        with faults.gathered():
            held[name] = _text(path, name, value)
    faults.raise_all()
    return {name: text for name, text in held.items() if text is not None}


def _text(path: Path, name: str, value: Any) -> str | None:
    if isinstance(value, dict | list):
        kind = "an object" if isinstance(value, dict) else "an array"
        raise SettingsError(f"{name} in {path} is {kind}.", 'A setting is one text: "NAME": "value".')
    text = value if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if not name or "=" in name or not _in_environment(name):
        raise SettingsError(f"{shown(name)} in {path} cannot be an environment variable.", "Rename it.")
    if not _in_environment(text or ""):
        raise SettingsError(f"{name} in {path} has a character that no environment variable can have.", "Remove it.")
    return text


def _in_environment(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def read_json(path: Path, kind: str, numbers: Callable[[str], Any] | None = None) -> dict[str, Any]:
    """The object in a JSON file that people edit; raises SettingsError saying why it is not `kind`.

    `numbers` reads each number's text, instead of as JSON does.
    """
    text = _without(_COMMA, _without(_COMMENT, _decoded(path, kind)))
    if not text.strip():
        raise SettingsError(f"{path} is not {kind}: it is empty.", SAMPLE)
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_int=numbers, parse_float=numbers)
    except _Twice as error:
        raise SettingsError(f"{path} says {error} twice.", "Remove one of the two.") from None
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{path} is not {kind}: line {error.lineno} is no JSON ({error.msg}).",
            "Often a comma or a quotation mark is missing there, or at the end of the line before.",
        ) from None
    except RecursionError:
        document = None
    if not isinstance(document, dict):
        raise SettingsError(f"{path} is not {kind}: it is no object, {{...}}.", SAMPLE)
    return document


def _decoded(path: Path, kind: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(f"{path} cannot be read: there is none.", "Run this in the project's folder.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.", "It is a file that you may read.") from error
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in data[:4]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not {kind}: its text is not UTF-8.", "Save it as UTF-8.") from None


def _without(pattern: re.Pattern[str], text: str) -> str:
    """The text without what the pattern finds outside of strings, line ends apart: errors name the right line."""
    return pattern.sub(lambda found: found[0] if found[0][0] == '"' else re.sub(r"[^\r\n]", " ", found[0]), text)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for name, value in pairs:
        if name in held:
            raise _Twice(name)
        held[name] = value
    return held
