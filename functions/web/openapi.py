"""The OpenAPI 3.1 document of the HTTP API, made from the routes and the very types that validate (OAS 3.1.1)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from functions.web.problems import MEDIA_TYPE, Problem

_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"
KEY = "functionKey"
_WITH_BODY = (400, 413, 415, 422, 429, 503)
BYTES = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
TEXT = {"type": "string"}
_SENT = {
    "x-request-id": "The request's id, for the log.",
    "ETag": "The version of what is shown.",
    "Location": "Where the run is shown.",
    "Retry-After": "Seconds to wait.",
    "Accept-Encoding": "The content encodings that are taken, where the body's is not.",
    "Inference-Header-Content-Length": "The size of the JSON that binary data follow.",
}


_MORE = {415: ("Accept-Encoding",), 429: ("Retry-After",), 503: ("Retry-After",)}
"""What problems send beside their id, by status."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: what it takes and what it answers. A type stands for JSON, a text for a media type of bytes."""

    method: str
    route: str
    name: str
    about: str
    answer: Any
    request: Any = None
    uploads: Sequence[str] = ()  # media types that the body may have instead, as they are
    downloads: Sequence[str] = ()  # media types that the answer may have instead
    form: Any = None  # of a body that is a form with files
    example: Any = None  # of `request`
    path: Mapping[str, Any] = field(default_factory=dict)  # of all parameters of the route, with examples
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    statuses: Sequence[int] = (200,)  # all of its answers that have content
    empty: Sequence[int] = ()  # those that have none
    sends: Sequence[str] = ()  # headers of its answers
    key: bool = True
    problems: Sequence[int] = ()

    @property
    def types(self) -> list[Any]:
        """All types that it names."""
        given = (*self.path.values(), *self.query.values(), *self.headers.values())
        named = (self.answer, self.request, self.form, *given)
        return [kind for kind in named if kind is not None and not isinstance(kind, str)]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers: HEAD where GET is."""
        return (self.method, "HEAD") if self.method == "GET" else (self.method,)


def methods_of(operations: Sequence[Operation], path: str) -> list[str]:
    """The methods that a path takes, whatever the case of its letters; none where it is no route."""
    trimmed = path.strip("/")
    return sorted(method for operation in operations if _fits(operation.route, trimmed) for method in operation.methods)


def _fits(route: str, path: str) -> bool:
    pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", route))
    return re.fullmatch(pattern, path, re.IGNORECASE) is not None


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document of these routes."""
    types = [kind for operation in operations for kind in operation.types]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    known = dict(zip(map(repr, types), map(_for_clients, schemas), strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for operation in sorted(operations, key=lambda operation: operation.route):
        paths.setdefault(f"/{operation.route}", {})[operation.method.lower()] = _described(operation, known)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Tally", "version": "1", "description": "Event-driven machine-learning scoring."},
        "paths": paths,
        "components": {
            "schemas": {name: _for_clients(schema) for name, schema in components.items()},
            "securitySchemes": {KEY: {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
        },
    }


def _for_clients(schema: Any) -> Any:
    """The schema as generators understand it: every array has items, and words say what is the default.

    A member that has one is taken for a member that is always sent.
    """
    if isinstance(schema, list):
        return [_for_clients(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    default = schema.get("default")
    plain = {name: _for_clients(value) for name, value in schema.items() if name != "default"}
    if plain.get("type") == "array" and not plain.keys() & {"items", "prefixItems"}:
        plain["items"] = {}
    if isinstance(default, int | float | str) and default != "" and "type" in plain:
        plain["description"] = f"{plain.get('description', '')} Default: {json.dumps(default)}.".strip()
    return plain


def _described(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, more = operation.about.partition("\n")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": summary.strip(),
        "description": " ".join(more.split()),
        "parameters": _parameters(operation, known),
        "responses": _responses(operation, known),
        "security": [{KEY: []}] if operation.key else [],
    }
    if content := _bodies(operation, known):
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: Operation, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": known[repr(operation.path[name])]}
        for name in _PARAMETER.findall(operation.route)
    ]
    given = (("query", operation.query), ("header", operation.headers))
    return path + [
        {"name": name, "in": place, "required": False, "schema": known[repr(kind)]}
        for place, held in given
        for name, kind in held.items()
    ]


def _bodies(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.request is not None:
        content["application/json"] = {"schema": known[repr(operation.request)], "example": operation.example}
    if operation.form is not None:
        content["multipart/form-data"] = {"schema": known[repr(operation.form)]}
    return content | {media: {"schema": BYTES} for media in operation.uploads}


def _responses(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    codes = {*operation.problems, *(_WITH_BODY if operation.request is not None else ())}
    codes |= {404} if _PARAMETER.search(operation.route) else set()
    codes |= {422} if operation.query else set()
    codes |= {503} if operation.key else set()
    responses: dict[str, Any] = {
        str(code): {
            "description": HTTPStatus(code).phrase,
            "headers": _sent(*operation.sends),
            "content": _content(operation, known),
        }
        for code in operation.statuses
    }
    for code in operation.empty:
        responses[str(code)] = {"description": HTTPStatus(code).phrase, "headers": _sent(*operation.sends)}
    if operation.key:
        responses["401"] = {"description": "The function key is missing or wrong."}
    for code in sorted(codes):
        more = _MORE.get(code, ())
        responses[str(code)] = {"description": HTTPStatus(code).phrase, "headers": _sent(*more), "content": problem}
    return responses


def _content(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    named = operation.answer
    if isinstance(named, str):
        schema = {} if named == "application/json" else TEXT
        media: dict[str, Any] = {named: {"schema": schema}}
    else:
        media = {"application/json": {"schema": known[repr(named)]}}
    return media | {kind: {"schema": BYTES} for kind in operation.downloads}


def _sent(*names: str) -> dict[str, Any]:
    return {name: {"description": _SENT[name], "schema": TEXT} for name in ("x-request-id", *names)}
