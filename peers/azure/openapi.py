"""The contract as Microsoft publishes it: a Swagger 2.0 file, read strictly, so that nothing unknown passes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from peers.azure.exchange import Answer, Operation, Request

_READ = {
    "integer": re.compile(r"-?\d+"),
    "boolean": re.compile("true|false", re.IGNORECASE),
    "string": re.compile(".*", re.DOTALL),
    "array": re.compile(".*", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Deviations:
    """What a service is seen to say although its file forbids it, each with a reason.

    `members` are names that objects may have anywhere, `problems` patterns of whole problems.
    """

    members: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    def without_members(self, value: Any) -> Any:
        """A value without those members."""
        if isinstance(value, list):
            return [self.without_members(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {name: self.without_members(held) for name, held in value.items() if name not in self.members}

    def left(self, problems: list[str]) -> list[str]:
        """The problems that are none of these."""
        return [each for each in problems if not any(re.fullmatch(known, each) for known in self.problems)]


@dataclass(slots=True)
class OpenApi:
    """A contract from a Swagger file; raises ImportError where jsonschema-rs is not installed."""

    path: Path
    paging: tuple[str, ...] = ()  # query parameters that only links of the service's own carry
    deviations: Deviations = field(default_factory=Deviations)
    _document: dict[str, Any] = field(init=False)
    _validators: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import jsonschema_rs  # noqa: F401 - said at once, not at the first request

        self._document = msgspec.json.decode(self.path.read_bytes())
        _forbid_unknown(self._document["definitions"])

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        parameters = [self._resolved(each) for each in self._operation(operation).get("parameters", [])]
        query = {each["name"]: each for each in parameters if each["in"] == "query"}
        problems = list(_query_problems(query, request, self.paging))
        body = next((each for each in parameters if each["in"] == "body"), None)
        if body is None:
            return [*problems, *(["a body, where none belongs"] if request.content else [])]
        if not request.content:
            return [*problems, *(["no body"] if body.get("required") else [])]
        kinds = self._operation(operation).get("consumes", self._document["consumes"])
        kind = request.headers.get("content-type", "")
        if kind not in kinds:
            problems.append(f"content type {kind!r} is none of {kinds}")
        return problems + self._problems(body["schema"], request.json())

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        said = self._operation(operation)["responses"].get(str(answer.status))
        if said is None:
            return [f"status {answer.status} is none of this operation's"]
        schema = said.get("schema")
        if schema is None or isinstance(answer.body, bytes):
            return [] if answer.body is None or schema else ["a body, where none belongs"]
        problems = self.deviations.left(self._problems(schema, self.deviations.without_members(answer.body)))
        return (
            [each for each in problems if not each.endswith("is a required property")] if answer.partial else problems
        )

    def problems(self, definition: str, value: Any) -> list[str]:
        """What keeps a value from being what one of the file's definitions says."""
        return self._problems({"$ref": f"#/definitions/{definition}"}, value)

    def _operation(self, operation: Operation) -> dict[str, Any]:
        found: dict[str, Any] = self._document["paths"][operation.template][operation.method.lower()]
        return found

    def _resolved(self, parameter: dict[str, Any]) -> dict[str, Any]:
        reference = parameter.get("$ref")
        return self._document["parameters"][reference.rpartition("/")[2]] if reference else parameter

    def _problems(self, schema: dict[str, Any], value: Any) -> list[str]:
        import jsonschema_rs

        key = str(schema.get("$ref", schema))
        if key not in self._validators:
            whole = schema | {"definitions": self._document["definitions"]}
            self._validators[key] = jsonschema_rs.Draft4Validator(whole)
        errors = self._validators[key].iter_errors(value)
        return [f"{'/'.join(map(str, error.instance_path))}: {error.message}"[:500] for error in errors]


def _query_problems(known: dict[str, dict[str, Any]], request: Request, paging: tuple[str, ...]) -> Iterator[str]:
    for name, value in request.query.items():
        if name not in known:
            if name not in paging:
                yield f"query parameter {name} is unknown"
        elif not _READ[known[name]["type"]].fullmatch(value):
            yield f"query parameter {name} is {value!r}"
    for name, parameter in known.items():
        if parameter.get("required") and name not in request.query:
            yield f"query parameter {name} is missing"


def _forbid_unknown(definitions: dict[str, Any]) -> None:
    for definition in definitions.values():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
