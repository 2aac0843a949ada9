"""Routes of HTTP functions as ASP.NET writes them: `items/{id:int}`, optional parts, defaults, catch-alls.

Starlette's routes know neither these constraints nor letters whose case does not matter.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devhost.function import FunctionInfo
from shared.errors import SettingsError

_SLASH = re.compile("%2F", re.IGNORECASE)
_ARGUMENT = r"(?:[^()]|\([^()]*\))*"
_CONSTRAINT = re.compile(rf":(\w+)(?:\(({_ARGUMENT})\))?")
_PARAMETER = re.compile(rf"\{{(\*{{0,2}})(\w+)((?::\w+(?:\({_ARGUMENT}\))?)*)(?:=([^{{}}?]*))?(\??)\}}")

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Match:
    """A function that answers a path, with the values of the route's parameters."""

    function: FunctionInfo
    parameters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """A template, ready to match."""

    function: FunctionInfo
    methods: tuple[str, ...]
    pattern: re.Pattern[str]
    checks: dict[str, tuple[Check, ...]]
    defaults: dict[str, str]

    def match(self, method: str, path: str) -> Match | None:
        """The match for a path without leading slash or prefix, or None; the path is decoded but for %2F."""
        if self.methods and method not in self.methods:
            return None
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values = {name: _SLASH.sub("/", value) for name, value in found.groupdict().items() if value is not None}
        if not all(check(value) for name, value in values.items() for check in self.checks.get(name, ())):
            return None
        return Match(self.function, {**self.defaults, **values})


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes, in the order in which the real host tries them: that of their functions' names, in any case."""

    routes: tuple[Route, ...]

    @classmethod
    def of(cls, functions: Iterable[FunctionInfo]) -> "Routes":
        """Raises SettingsError for a template that makes no sense."""
        return cls(tuple(sorted(map(compile_route, functions), key=lambda route: route.function.name.upper())))

    def match(self, method: str, path: str) -> Match | None:
        """The first route that fits; like the real host, a wrong method is no match (404)."""
        trimmed = path.removeprefix("/").removesuffix("/")
        return next((match for route in self.routes if (match := route.match(method, trimmed))), None)


def compile_route(function: FunctionInfo) -> Route:
    """Read the function's template; raises SettingsError."""
    pattern = ""
    checks: dict[str, tuple[Check, ...]] = {}
    defaults: dict[str, str] = {}
    for segment in _segments(function.route):
        part, optional = _segment(segment, function, checks, defaults)
        slash = "/" if pattern else ""
        pattern += f"(?:{slash}{part})?" if optional else f"{slash}{part}"
    return Route(function, function.methods, re.compile(pattern, re.IGNORECASE | re.DOTALL), checks, defaults)


def _segments(template: str) -> list[str]:
    # A slash within braces belongs to a constraint.
    return [part for part in re.split(r"/(?![^{]*\})", template.strip("/")) if part]


def _segment(
    segment: str, function: FunctionInfo, checks: dict[str, tuple[Check, ...]], defaults: dict[str, str]
) -> tuple[str, bool]:
    pattern, end, optional = "", 0, False
    for found in _PARAMETER.finditer(segment):
        stars, name, constraints, default, question = found.groups()
        pattern += re.escape(segment[end : found.start()])
        pattern += f"(?P<{name}>{'.*' if stars else '[^/]+?' if len(found[0]) < len(segment) else '[^/]+'})"
        checks[name] = tuple(_checks(constraints, function))
        if default is not None:
            defaults[name] = default
        optional = optional or bool(question) or bool(stars) or default is not None
        end = found.end()
    rest = segment[end:]
    if "{" in rest or "}" in rest:
        raise SettingsError(f"The route {function.route!r} of {function.name} cannot be read at {rest!r}.")
    return pattern + re.escape(rest), optional


def _checks(constraints: str, function: FunctionInfo) -> Iterable[Check]:
    for found in _CONSTRAINT.finditer(constraints):
        check = _check(found[1].lower(), found[2] or "")
        if check is None:
            raise SettingsError(f"The route {function.route!r} of {function.name} has a strange {found[0]!r}.")
        yield check


def _check(name: str, argument: str) -> Check | None:
    simple: dict[str, Check] = {
        "int": lambda text: _fits(text, 31),
        "long": lambda text: _fits(text, 63),
        "bool": lambda text: text.lower() in ("true", "false"),
        "alpha": lambda text: re.fullmatch("[A-Za-z]*", text) is not None,
        "guid": lambda text: _reads(UUID, text),
        "datetime": lambda text: _reads(datetime.fromisoformat, text),
        "decimal": lambda text: _reads(float, text),
        "double": lambda text: _reads(float, text),
        "float": lambda text: _reads(float, text),
        "required": lambda text: text != "",
    }
    if name in simple:
        return simple[name]
    if name == "regex":
        pattern = re.compile(argument, re.IGNORECASE)
        return lambda text: pattern.search(text) is not None
    return _bounded(name, argument)


def _bounded(name: str, argument: str) -> Check | None:
    try:
        numbers = [int(number) for number in argument.split(",")]
    except ValueError:
        return None
    least, most = numbers[0], numbers[-1]
    bounds: dict[str, Check] = {
        "length": lambda text: least <= len(text) <= most,
        "minlength": lambda text: len(text) >= least,
        "maxlength": lambda text: len(text) <= most,
        "min": lambda text: _reads(int, text) and int(text) >= least,
        "max": lambda text: _reads(int, text) and int(text) <= most,
        "range": lambda text: _reads(int, text) and least <= int(text) <= most,
    }
    return bounds.get(name)


def _fits(text: str, bits: int) -> bool:
    return re.fullmatch(r"-?\d{1,19}", text) is not None and -(2**bits) <= int(text) < 2**bits


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True
