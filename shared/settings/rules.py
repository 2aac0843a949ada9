"""What the text of a setting may be: each rule returns its value, or raises Unusable saying what is wrong with it."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.errors import SettingsError, shown
from shared.schedule import check_schedule

type Rule = Callable[[str], Any]
CONTAINER = r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*"
"""What a container or a queue can be called."""
YEAR = 366 * 86_400
HOST_READS = frozenset(f"{name}_SCHEDULE" for name in ("FLUSH", "SCORING", "SWEEP", "UPLOAD_SWEEP")) | {
    "EVENT_HUB_NAME",
    "EVENT_HUB_CONSUMER_GROUP",
}
"""Settings that bindings name: the host takes them as they stand, so that blanks are no empty value."""
_TRUTH = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)


class Unusable(ValueError):
    """What is wrong with a value, as the end of the sentence "NAME is VALUE, ...", and what it is to be."""

    def __init__(self, says: str, hint: str) -> None:
        super().__init__(f"{says} {hint}")
        self.says = says
        self.hint = hint


SCHEDULE = "It has six fields (NCRONTAB): second minute hour day month weekday, for example 0 5 * * * *."


def whole(least: int, most: int) -> Rule:
    """A whole number in digits, from `least` to `most`."""

    def read(text: str) -> int:
        digits = text.strip()
        if not re.fullmatch(r"-?[0-9]+", digits):
            raise Unusable("which is not a whole number.", f"It is digits alone, such as {max(least, 1)}.")
        if len(digits) > 20 or not least <= int(digits) <= most:
            raise Unusable("which is out of range.", f"It is a number from {least} to {most}.")
        return int(digits)

    return read


def truth(text: str) -> bool:
    """True or false, as people write them."""
    if text.strip().lower() not in _TRUTH:
        raise Unusable("which is neither true nor false.", "It is true or false.")
    return _TRUTH[text.strip().lower()]


def schedule(text: str) -> str:
    """A schedule that the Functions host takes: it reads this setting itself, so nothing is mended here."""
    try:
        check_schedule(_exact(text))
    except ValueError as error:
        raise Unusable(f"which is no schedule: {error}.", SCHEDULE) from None
    return text


def _exact(text: str) -> str:
    if text != text.strip():
        raise ValueError("it begins or ends with a blank or a line end")
    return text


def matching(pattern: str, says: str, *, exact: bool = False, optional: bool = False) -> Rule:
    """A text of a form that `says` puts in words; `exact` where the host reads it too, blanks included."""

    def read(text: str) -> str:
        held = text if exact else text.strip()
        if re.fullmatch(pattern, held) is None and not (optional and not held):
            raise Unusable("which cannot be used.", f"It is {says}.")
        return held

    return read


def https(text: str) -> str:
    """An address of a service; empty for none."""
    held = text.strip()
    if held and not is_address(held, "https"):
        raise Unusable("which is no address of a service.", "It begins with https:// and names a host.")
    return held.rstrip("/")


def is_address(text: str, *schemes: str) -> bool:
    """Whether a text is the address of a host, with one of the schemes, without blanks or a query."""
    try:
        parts = urlsplit(text)
        fine = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = re.fullmatch(r"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+", parts.hostname or "") is not None
    return parts.scheme in schemes and host and fine and not re.search(r"[\s?#@]", text)


def plain(text: str) -> str:
    """Any text, without the blanks around it."""
    return text.strip()


def ruled(env: Mapping[str, str], name: str, default: Any, rule: Rule) -> Any:
    """What a rule makes of a setting, the default where it is empty; raises SettingsError."""
    text = env.get(name, "")
    if not (text if name in HOST_READS else text.strip()):
        return default
    try:
        return rule(text)
    except Unusable as error:
        raise SettingsError(f"{name} is {shown(text)}, {error.says}", error.hint) from None
