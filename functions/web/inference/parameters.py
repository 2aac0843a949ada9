"""Parameters: what a request may say beside its tensors."""

from functools import cache
from typing import Any

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


def read_parameters[P: msgspec.Struct](parameters: Parameters, kind: type[P]) -> P:
    """The parameters that a model knows; others mean nothing. Raises InvalidInput where one is not of its kind."""
    return kind(**{name: parameter(parameters, name, of, otherwise) for name, of, otherwise in _members(kind)})


@cache
def _members(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any, Any], ...]:
    return tuple((field.name, field.type, field.default) for field in msgspec.structs.fields(kind))
