"""Computes autoscale formulas: what Batch's functions and methods make of numbers, vectors and samples."""

import math
import operator
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

from peers.azure.batch.autoscale.samples import PERIOD, Samples
from peers.azure.batch.autoscale.syntax import Call, Expression, FormulaError, Name, Number, Operation, Text, parse

type Value = float | list[float] | str
DEALLOCATION = ("requeue", "terminate", "taskcompletion", "retaineddata")


class Interval(float):
    """A length of time, in seconds: GetSample takes it otherwise than a count."""


_CONSTANTS: dict[str, float] = {
    "TimeInterval_Zero": 0.0,
    "TimeInterval_100ns": 1e-7,
    "TimeInterval_Microsecond": 1e-6,
    "TimeInterval_Millisecond": 1e-3,
    "TimeInterval_Second": 1.0,
    "TimeInterval_Minute": 60.0,
    "TimeInterval_Hour": 3600.0,
    "TimeInterval_Day": 86400.0,
    "TimeInterval_Week": 604800.0,
    "TimeInterval_Year": 31536000.0,
}
_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OVER_ALL: dict[str, Callable[[list[float]], float]] = {
    "avg": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
    "sum": math.fsum,
    "len": len,
    "std": statistics.pstdev,
    "norm": lambda values: math.sqrt(sum(value * value for value in values)),
    "ceil": lambda values: math.ceil(values[0]),
    "floor": lambda values: math.floor(values[0]),
    "round": lambda values: math.floor(values[0] + 0.5),
    "abs": lambda values: abs(values[0]),
    "exp": lambda values: math.exp(values[0]),
    "ln": lambda values: math.log(values[0]),
    "lg": lambda values: math.log2(values[0]),
}


@dataclass(frozen=True, slots=True)
class Targets:
    """What a formula asks for; None where it says nothing of that kind of node."""

    dedicated: int | None
    low_priority: int | None
    deallocation: str
    results: str


def evaluate(formula: str, samples: Samples, now: float, current: Mapping[str, Value]) -> Targets:
    """What the formula asks for at `now` (seconds); raises FormulaError.

    `current` holds variables that are no samples here, such as the current targets.
    """
    scope = _Scope(samples, now, dict(current))
    for statement in parse(formula):
        if statement.name in _CONSTANTS:
            raise FormulaError(f"{statement.name} cannot be assigned.")
        scope.variables[statement.name] = scope.value(statement.value)
        if statement.name == "$NodeDeallocationOption" and scope.variables[statement.name] not in DEALLOCATION:
            raise FormulaError(f"$NodeDeallocationOption cannot be {scope.variables[statement.name]!r}.")
    shown = ";".join(f"{name}={_shown(value)}" for name, value in scope.variables.items())
    option = str(scope.variables.get("$NodeDeallocationOption", "requeue"))
    return Targets(scope.target("$TargetDedicatedNodes"), scope.target("$TargetLowPriorityNodes"), option, shown)


@dataclass(slots=True)
class _Scope:
    """The variables while a formula is computed."""

    samples: Samples
    now: float
    variables: dict[str, Value] = field(default_factory=dict)

    def target(self, name: str) -> int | None:
        if name not in self.variables:
            return None
        return max(0, int(_number(self.variables[name])))

    def value(self, expression: Expression) -> Value:
        match expression:
            case Number(value) | Text(value):
                return value
            case Name(name, place):
                return self._variable(name, place)
            case Call(name, arguments, None):
                return self._function(name, [self.value(each) for each in arguments])
            case Call(name, arguments, Name(variable)):
                return self._method(variable, name, [_number(self.value(each)) for each in arguments])
            case Operation("?", (condition, yes, no)):
                return self.value(yes if _number(self.value(condition)) else no)
            case Operation(sign, operands):
                return _operate(sign, [_number(self.value(each)) for each in operands])
        raise FormulaError("Methods belong to the service's variables.")

    def _variable(self, name: str, place: str) -> Value:
        if name in self.variables:
            return self.variables[name]
        if name in _CONSTANTS:
            return Interval(_CONSTANTS[name])
        if name in DEALLOCATION:
            return name
        raise FormulaError(f"{place}: Undefined symbol: {name}")

    def _function(self, name: str, arguments: list[Value]) -> Value:
        if name == "time":
            return self._time(arguments)
        if name == "val":
            return cast("list[float]", arguments[0])[int(_number(arguments[1]))]
        values = list(_flat(arguments))
        if name not in _OVER_ALL or not values:
            raise FormulaError(f"{name}({len(values)} values) cannot be computed.")
        return float(_OVER_ALL[name](values))

    def _time(self, arguments: list[Value]) -> float:
        if not arguments:
            return self.now
        return datetime.fromisoformat(str(arguments[0])).replace(tzinfo=UTC).timestamp()

    def _method(self, variable: str, name: str, arguments: list[float]) -> Value:
        if not self.samples.rows or variable not in self.samples.rows[-1][1]:
            raise FormulaError(f"There are no samples of {variable}.")
        if name == "GetSamplePeriod":
            return PERIOD
        start = self.now - (arguments[0] if arguments else 0.0)
        end = self.now - (arguments[1] if len(arguments) > 1 else 0.0)
        if name == "GetSamplePercent":
            return self.samples.percent(start, end)
        if name != "GetSample" or not arguments:
            raise FormulaError(f"{variable} has no {name} of {len(arguments)} arguments.")
        if not isinstance(arguments[0], Interval):
            found = self.samples.last(variable, int(arguments[0]))
        else:
            found = self.samples.between(variable, start, end)
        if not found:
            raise FormulaError(f"There are no samples of {variable} in that time.")
        return found


def _operate(sign: str, operands: list[float]) -> float:
    if len(operands) == 1:
        return -operands[0] if sign == "-" else float(not operands[0])
    left, right = operands
    if sign == "/" and not right:
        raise FormulaError("A division by zero.")
    if sign in ("&&", "||"):
        return float(bool(left and right) if sign == "&&" else bool(left or right))
    result = float(_BINARY[sign](left, right))
    length = sign in "+-*/" and any(isinstance(each, Interval) for each in operands)
    return Interval(result) if length else result


def _number(value: Value) -> float:
    if isinstance(value, list):
        if len(value) != 1:
            raise FormulaError(f"A vector of {len(value)} values stands where a number belongs.")
        return value[0]
    if isinstance(value, str):
        raise FormulaError(f"{value!r} stands where a number belongs.")
    return value


def _flat(values: Iterable[Value]) -> Iterable[float]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield _number(value)


def _shown(value: Value) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return value if isinstance(value, str) else f"{value:g}"
