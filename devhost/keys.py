"""Keys that callers of HTTP functions show, made once and kept in a file only its owner can read."""

import hmac
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devhost.function import FunctionInfo


@dataclass(frozen=True, slots=True)
class Keys:
    """The master key opens all; `default` every function; a function's own key only that one."""

    master: str
    default: str
    functions: dict[str, str]

    def open(self, function: FunctionInfo, key: str) -> bool:
        """Whether `key` may call the function."""
        if function.auth_level == "anonymous":
            return True
        allowed = [self.master]
        if function.auth_level == "function":
            allowed += [self.default, self.functions.get(function.name, self.default)]
        return _among(key, allowed)

    def rules(self, key: str) -> bool:
        """Whether `key` is the master key."""
        return _among(key, [self.master])


def read_keys(path: Path, functions: Iterable[str]) -> Keys:
    """The keys in the file; those that are missing are made and added."""
    try:
        held = json.loads(path.read_text())
    except (OSError, ValueError):
        held = None
    held = held if isinstance(held, dict) else {}
    own = held.get("functions", {})
    keys = Keys(
        held.get("master") or _new_key(),
        held.get("default") or _new_key(),
        own | {name: _new_key() for name in functions if name not in own},
    )
    document = {"master": keys.master, "default": keys.default, "functions": keys.functions}
    if document != held:
        _write(path, json.dumps(document, indent=2))
    return keys


def _new_key() -> str:
    return secrets.token_urlsafe(40)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _among(key: str, allowed: Iterable[str]) -> bool:
    # Every one is compared, in constant time, so that an answer's time tells nothing.
    matches = [hmac.compare_digest(key.encode(), one.encode()) for one in allowed]
    return any(matches)
