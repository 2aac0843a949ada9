"""Parameters: what a request may say beside its tensors."""

import msgspec

from functions.web import json_body

type Parameters = dict[str, msgspec.Raw]
"""$parameters of the protocol, each still as it was sent: only those that mean something here are looked at."""


def parameter[T](parameters: Parameters | None, name: str, kind: type[T], otherwise: T) -> T:
    """A parameter's value. Raises InvalidInput where it is not of this kind."""
    raw = (parameters or {}).get(name)
    if raw is None or bytes(raw) == b"null":
        return otherwise
    return json_body.decode(raw, kind, f"The parameter {name!r}")
