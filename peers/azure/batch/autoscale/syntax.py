"""Parses autoscale formulas: statements of assignments, with the operators and calls that Batch documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 8192
MAX_STATEMENTS = 100
_TOKEN = re.compile(
    r"\s+|//[^\n]*|/\*.*?\*/"
    r'|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<text>"[^"]*")|(?P<name>\$?[A-Za-z_]\w*)'
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/!<>?:=.,;()])",
    re.DOTALL,
)
_LEVELS = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))


class FormulaError(Exception):
    """The formula cannot be parsed or computed."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string, as times are written."""

    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a constant such as TimeInterval_Minute, and where it stands."""

    name: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A function of arguments, or, with an `on`, a method of a variable."""

    name: str
    arguments: tuple["Expression", ...]
    on: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator and its operands: one, two, or three for `?:`."""

    sign: str
    operands: tuple["Expression", ...]


type Expression = Number | Text | Name | Call | Operation


@dataclass(frozen=True, slots=True)
class Assignment:
    """A statement."""

    name: str
    value: Expression


def parse(formula: str) -> list[Assignment]:
    """The statements of a formula; raises FormulaError, also where it is longer than Batch takes."""
    if len(formula) > MAX_CHARS:
        raise FormulaError(f"The formula has {len(formula)} characters; {MAX_CHARS} is the limit.")
    statements = list(_Parser(list(_tokens(formula))).statements())
    if len(statements) > MAX_STATEMENTS:
        raise FormulaError(f"The formula has {len(statements)} statements; {MAX_STATEMENTS} is the limit.")
    return statements


def _tokens(formula: str) -> Iterator[tuple[str, str, str]]:
    place = 0
    while place < len(formula):
        match = _TOKEN.match(formula, place)
        if match is None:
            raise FormulaError(f"Unexpected {formula[place]!r} at character {place}.")
        line, column = formula.count("\n", 0, place) + 1, place - formula.rfind("\n", 0, place)
        place = match.end()
        if match.lastgroup:
            yield match.lastgroup, match[0], f"Line {line}, Col {column}"


@dataclass(slots=True)
class _Parser:
    """Recursive descent over the tokens."""

    tokens: list[tuple[str, str, str]]
    place: int = 0

    def statements(self) -> Iterator[Assignment]:
        while self.place < len(self.tokens):
            kind, name, place = self._next()
            if kind != "name":
                raise FormulaError(f"{place}: A statement begins with {name!r}, not with a variable.")
            if self.place == len(self.tokens):
                raise FormulaError(f"{place}: Undefined symbol: {name}")
            self._expect("=")
            yield Assignment(name, self._choice())
            if self.place < len(self.tokens):
                self._expect(";")

    def _choice(self) -> Expression:
        condition = self._binary(0)
        if not self._accept("?"):
            return condition
        yes = self._choice()
        self._expect(":")
        return Operation("?", (condition, yes, self._choice()))

    def _binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while sign := self._accept(*_LEVELS[level]):
            left = Operation(sign, (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Expression:
        if sign := self._accept("-", "!"):
            return Operation(sign, (self._unary(),))
        found = self._primary()
        while self._accept("."):
            _, name, _ = self._next()
            self._expect("(")
            found = Call(name, self._arguments(), found)
        return found

    def _primary(self) -> Expression:
        kind, text, place = self._next()
        if kind == "number":
            return Number(float(text))
        if kind == "text":
            return Text(text.strip('"'))
        if kind == "name":
            return Call(text, self._arguments()) if self._accept("(") else Name(text, place)
        if text != "(":
            raise FormulaError(f"{place}: Unexpected {text!r}.")
        inner = self._choice()
        self._expect(")")
        return inner

    def _arguments(self) -> tuple[Expression, ...]:
        found: list[Expression] = []
        if self._accept(")"):
            return ()
        while True:
            found.append(self._choice())
            if self._accept(")"):
                return tuple(found)
            self._expect(",")

    def _next(self) -> tuple[str, str, str]:
        if self.place == len(self.tokens):
            raise FormulaError("The formula ends in the middle of a statement.")
        self.place += 1
        return self.tokens[self.place - 1]

    def _accept(self, *signs: str) -> str:
        if self.place < len(self.tokens) and self.tokens[self.place][:2] in [("sign", sign) for sign in signs]:
            return self._next()[1]
        return ""

    def _expect(self, sign: str) -> None:
        _, text, place = self._next()
        if text != sign:
            raise FormulaError(f"{place}: Expected {sign!r}, found {text!r}.")
