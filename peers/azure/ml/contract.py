"""The contract as Microsoft publishes it: Resource Manager's Swagger files, flattened into strict JSON Schema."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from peers.azure.exchange import Answer, Contract, Operation, Request
from peers.azure.ml.models import OwnModels

API_VERSION = "2024-10-01"
MICROSOFT = Path(__file__).parents[4] / "shared/contracts/aml/arm-2024-10-01"
FILES = ("mfe.json", "machineLearningServices.json", "workspaceRP.json")

type Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_RESOURCE: Schema = {"properties": {"id": _TEXT, "name": _TEXT, "type": _TEXT, "systemData": {"type": "object"}}}
COMMON: dict[str, Schema] = {
    "Resource": _RESOURCE,
    "ProxyResource": _RESOURCE,
    "TrackedResource": _RESOURCE,
    "ManagedServiceIdentity": {
        "required": ["type"],
        "properties": {
            "type": {"enum": ["None", "SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned"]},
            "userAssignedIdentities": {"type": "object"},
            "principalId": _TEXT,
            "tenantId": _TEXT,
        },
    },
}
"""What the files refer to in a file that all of Azure shares; what is missing here may be anything."""


@cache
def contract_of(folder: Path = MICROSOFT) -> Contract:
    """Microsoft's files where they are at hand, with what reads them; else the models of this package."""
    try:
        return ResourceManager(folder) if folder.exists() else OwnModels(API_VERSION)
    except ImportError:
        return OwnModels(API_VERSION)


@dataclass(slots=True)
class ResourceManager:
    """A contract from Swagger files; raises ImportError where jsonschema-rs is not installed."""

    folder: Path
    files: tuple[str, ...] = FILES
    version: str = API_VERSION
    _paths: dict[str, tuple[Schema, Schema]] = field(default_factory=dict)
    _validators: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import jsonschema_rs  # noqa: F401 - said at once, not at the first request

        for name in self.files:
            document = msgspec.json.decode((self.folder / name).read_bytes())
            definitions = flattened(document["definitions"])
            self._paths |= {path: (each, definitions) for path, each in document["paths"].items()}

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        if operation.template not in self._paths:
            return []
        problems = [f"query parameter {name} is unknown" for name in request.query if name != "api-version"]
        if request.query.get("api-version") != self.version:
            problems.append(f"api-version is not {self.version}")
        body = next((each for each in self._operation(operation)["parameters"] if _is_body(each)), None)
        if body is None:
            return problems + (["a body, where none belongs"] if request.content else [])
        if request.headers.get("content-type") != "application/json":
            problems.append("content type is not application/json")
        schema = body.get("schema") or {"$ref": "#/definitions/ComputeResource"}
        return problems + self._problems(operation, schema, request.json())

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        """Problems of an answer; null is let through: the service says it for all that is not set."""
        if operation.template not in self._paths:
            return []  # the operations of a region's own are in no file
        said = self._operation(operation)["responses"].get(str(answer.status))
        if said is None:
            return [f"status {answer.status} is none of this operation's"]
        if "schema" not in said:
            return [] if answer.body in (None, b"null") else ["a body, where none belongs"]
        return self._problems(operation, said["schema"], _without_null(answer.body))

    def _operation(self, operation: Operation) -> Schema:
        found: Schema = self._paths[operation.template][0][operation.method.lower()]
        return found

    def _problems(self, operation: Operation, schema: Schema, value: Any) -> list[str]:
        import jsonschema_rs

        key = operation.template, str(schema)
        if key not in self._validators:
            whole = _strict(schema) | {"definitions": self._paths[operation.template][1]}
            self._validators[key] = jsonschema_rs.Draft7Validator(whole)
        errors = self._validators[key].iter_errors(value)
        return [f"{'/'.join(map(str, error.instance_path))}: {error.message}"[:500] for error in errors]


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(held) for name, held in value.items() if held is not None}
    return [_without_null(each) for each in value] if isinstance(value, list) else value


def _is_body(parameter: Schema) -> bool:
    return parameter.get("in") == "body" or parameter.get("$ref", "").endswith("ComputeDefinitionParameter")


def flattened(definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Definitions without inheritance: each knows all its properties and allows no others."""
    known = definitions | COMMON
    made: dict[str, Schema] = {name: _definition(name, known) for name in known}
    for name, each in definitions.items():
        if "discriminator" in each:
            made[name] = _told_apart(each["discriminator"], dict(_kinds(name, known)))
    return made


def _definition(name: str, known: dict[str, Schema]) -> Schema:
    each = known[name]
    if not {"properties", "allOf"} & set(each):
        return dict(_strict(each))
    properties, required = _inherited(name, known)
    allowed = _strict(each["additionalProperties"]) if isinstance(each.get("additionalProperties"), dict) else False
    shown = {key: _strict(value) for key, value in properties.items()}
    return {"type": "object", "properties": shown, "required": sorted(required), "additionalProperties": allowed}


def _inherited(name: str, known: dict[str, Schema]) -> tuple[Schema, set[str]]:
    properties: Schema = {}
    required: set[str] = set()
    for base in _bases(known[name]):
        more, needed = _inherited(base, known) if base in known else ({}, set())
        properties |= more
        required |= needed
    return properties | known[name].get("properties", {}), required | set(known[name].get("required", []))


def _bases(definition: Schema) -> list[str]:
    return [each["$ref"].rpartition("/")[2] for each in definition.get("allOf", [])]


def _kinds(base: str, known: dict[str, Schema]) -> Iterator[tuple[str, str]]:
    """The values of a base's discriminator, with the definitions they stand for."""
    for name, each in known.items():
        if base in _bases(each):
            if "x-ms-discriminator-value" in each:
                yield each["x-ms-discriminator-value"], name
            yield from _kinds(name, known)


def _told_apart(discriminator: str, kinds: dict[str, str]) -> Schema:
    """One of several definitions, chosen by a property, so that problems are told of the one that is meant."""
    choices = [
        {"if": {"properties": {discriminator: {"const": value}}}, "then": {"$ref": f"#/definitions/{name}"}}
        for value, name in kinds.items()
    ]
    named = {discriminator: {"enum": list(kinds)}}
    return {"type": "object", "required": [discriminator], "properties": named, "allOf": choices}


def _strict(schema: Any) -> Any:
    """The schema with references inside this document, and null where Swagger has it as a mark of its own."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        local = schema["$ref"].startswith("#") or name in COMMON
        made: Schema = {"$ref": f"#/definitions/{name}"} if local else {}
    else:
        made = {key: _strict(value) for key, value in schema.items() if key not in ("example", "default")}
    return {"if": {"not": {"type": "null"}}, "then": made} if schema.get("x-nullable") else made
