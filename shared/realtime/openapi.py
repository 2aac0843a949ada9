"""The OpenAPI 3.1 document of the HTTP API, made from the routes and the very types that validate (OAS 3.1.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec

from shared.realtime.problems import MEDIA_TYPE, Problem

_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"
_KEY = "function key"
_WITH_BODY = (400, 413, 415, 422, 429, 503)


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
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    statuses: Sequence[int] = (200,)  # all of its answers
    key: bool = True
    problems: Sequence[int] = ()

    @property
    def types(self) -> list[Any]:
        """All types that it names."""
        named = (self.answer, self.request, self.form, *self.query.values(), *self.headers.values())
        return [kind for kind in named if kind is not None and not isinstance(kind, str)]


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document of these routes."""
    types = [kind for operation in operations for kind in operation.types]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    known = dict(zip(map(repr, types), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for operation in sorted(operations, key=lambda operation: operation.route):
        paths.setdefault(f"/{operation.route}", {})[operation.method.lower()] = _described(operation, known)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Tally", "version": "1", "description": "Event-driven machine-learning scoring."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {_KEY: {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
        },
    }


def _described(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, more = operation.about.partition("\n")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": summary.strip(),
        "description": " ".join(more.split()),
        "parameters": _parameters(operation, known),
        "responses": _responses(operation, known),
        "security": [{_KEY: []}] if operation.key else [],
    }
    if content := _bodies(operation, known):
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: Operation, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(operation.route)
    ]
    given = (("query", operation.query), ("header", operation.headers))
    return path + [
        {"name": name, "in": place, "schema": known[repr(kind)]} for place, held in given for name, kind in held.items()
    ]


def _bodies(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {media: {} for media in operation.uploads}
    if operation.request is not None:
        content["application/json"] = {"schema": known[repr(operation.request)]}
    if operation.form is not None:
        content["multipart/form-data"] = {"schema": known[repr(operation.form)]}
    return content


def _responses(operation: Operation, known: Mapping[str, Any]) -> dict[str, Any]:
    raw = isinstance(operation.answer, str)
    media = {operation.answer: {}} if raw else {"application/json": {"schema": known[repr(operation.answer)]}}
    media |= {kind: {} for kind in operation.downloads}
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    codes = {*operation.problems, *(_WITH_BODY if operation.request is not None else ())}
    codes |= {404} if _PARAMETER.search(operation.route) else set()
    codes |= {503} if operation.key else set()
    responses: dict[str, Any] = {
        str(code): {"description": HTTPStatus(code).phrase, "content": media} for code in operation.statuses
    }
    if operation.key:
        responses["401"] = {"description": "The function key is missing or wrong."}
    for code in sorted(codes):
        responses[str(code)] = {"description": HTTPStatus(code).phrase, "content": problem}
    return responses
