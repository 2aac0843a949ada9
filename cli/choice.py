"""Finds what somebody means by a name or a part of one, and suggests what is near where nothing fits."""

from collections.abc import Collection
from difflib import get_close_matches

from shared.errors import NotFound

_SHOWN = 5


def chosen(text: str, names: Collection[str], what: str, hint: str, *, parts: bool = False) -> str:
    """The name that is meant: itself, or with `parts` the only one that has it in it.

    what: what there is none of, such as "run". Raises NotFound, with those that are near or else with the hint.
    """
    if text in names:
        return text
    found = sorted(name for name in names if text and text in name) if parts else []
    if len(found) == 1:
        return found[0]
    if found:
        more = ", …" if len(found) > _SHOWN else ""
        message = f"{len(found)} {what}s have {text!r} in their name."
        raise NotFound(message, f"Give more of it: {', '.join(found[:_SHOWN])}{more}.")
    near = get_close_matches(text, names, _SHOWN, 0.6)
    raise NotFound(f"There is no {what} {text!r}.", f"Did you mean {' or '.join(near)}?" if near else hint)
