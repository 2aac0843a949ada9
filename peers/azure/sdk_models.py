"""The contract as the installed SDK's models tell it: used where Microsoft's file is not at hand."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Union

import msgspec

from peers.azure.exchange import Answer, Operation, Request
from peers.azure.openapi import Deviations


@dataclass(slots=True)
class SdkModels:
    """A contract from the models of an SDK; `bodies` and `answers` name the model of an operation.

    Names, types and required fields of bodies and answers are checked; query parameters only in that they are known.
    """

    models: types.ModuleType
    api_version: str
    bodies: Mapping[str, str]
    answers: Mapping[str, str]
    query: frozenset[str]
    deviations: Deviations = field(default_factory=Deviations)
    _structs: dict[str, Any] = field(default_factory=dict)

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        problems = [f"query parameter {name} is unknown" for name in request.query if name not in self.query]
        if request.query.get("api-version") != self.api_version:
            problems.append(f"api-version is not {self.api_version}")
        model = self.bodies.get(operation.name)
        if model is None or not request.content:
            return problems + (["a body, where none belongs"] if request.content else [])
        return problems + self._problems(model, request.json())

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        model = self.answers.get(operation.name)
        if model is None or answer.body is None or answer.partial or isinstance(answer.body, bytes):
            return []
        return self._problems(model, self.deviations.without_members(answer.body))

    def _problems(self, model: str, value: Any) -> list[str]:
        try:
            msgspec.convert(value, self._struct(self._named(model)))
        except msgspec.ValidationError as error:
            return [str(error)]
        return []

    def _named(self, model: str) -> Any:
        """A model; the SDK keeps some of them to itself."""
        return getattr(self.models, model, None) or getattr(self.models._models, model)

    def _struct(self, model: Any) -> Any:
        """A struct that reads what the model would send, and nothing else."""
        if model.__name__ in self._structs:
            return self._structs[model.__name__]
        self._structs[model.__name__] = Any  # a model inside itself is taken as it is
        hints = typing.get_type_hints(model, vars(self.models) | {"_models": self.models})
        fields: list[Any] = []
        names = {}
        for name, kept in _rest_fields(model).items():
            kind, optional = self._kind(hints.get(name, Any))
            names[name] = kept._rest_name
            fields.append((name, kind | None, None) if optional else (name, kind))
        fields.sort(key=len)
        made = msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True, rename=names, kw_only=True)
        self._structs[model.__name__] = made
        return made

    def _kind(self, hint: Any) -> tuple[Any, bool]:
        """The type as msgspec reads it, and whether it may be absent."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (Union, types.UnionType):
            chosen = [each for each in arguments if each is not type(None)]
            plain = [each for each in chosen if not (isinstance(each, type) and issubclass(each, Enum))]
            return self._kind((plain or chosen)[0])[0], type(None) in arguments
        if origin is list:
            return list[self._kind(arguments[0])[0]], False  # type: ignore[misc]
        if hint in (str, int, float, bool, datetime, timedelta):
            return hint, False
        if isinstance(hint, type) and issubclass(hint, Enum):
            return str, False
        return (self._struct(hint) if _rest_fields(hint) else Any), False


def _rest_fields(model: Any) -> dict[str, Any]:
    if not getattr(model, "_is_model", False):
        return {}
    model.__new__(model)  # the SDK works the names out with the first instance
    return dict(model._attr_to_rest_field)
