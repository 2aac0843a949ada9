"""Lists as OData wants them: $filter, $select, maxresults, and links to the next page."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from peers.azure.batch.refusals import refusal
from peers.azure.exchange import Answer, Refusal, Request

PAGE = 1000
_STARTS = re.compile(r"startswith\((\w+),\s*'([^']*)'\)")
_COMPARES = re.compile(r"([\w/]+) (eq|ne|lt|le|gt|ge) (?:'([^']*)'|(-?\d+))")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}


def answer_list(request: Request, rows: Iterable[dict[str, Any]]) -> Answer:
    """A page of the rows that the request's filter lets through."""
    text = request.query.get("$filter", "")
    terms = [_term(part) for part in text.split(" and ")] if text else []
    first, size = _number(request, "$skiptoken", 0, least=0), min(PAGE, _number(request, "maxresults", PAGE, least=1))
    found = list(islice((row for row in rows if all(term(row) for term in terms)), first, first + size + 1))
    body: dict[str, Any] = {"value": [selected(request, row) for row in found[:size]]}
    if len(found) > size:
        body["odata.nextLink"] = _link(request, first + size)
    return Answer(200, body, partial="$select" in request.query)


def selected(request: Request, row: dict[str, Any]) -> dict[str, Any]:
    """What $select leaves of a row."""
    chosen = {name.strip() for name in request.query.get("$select", "").split(",")} - {""}
    return {name: value for name, value in row.items() if name in chosen} if chosen else row


def _number(request: Request, name: str, usual: int, least: int) -> int:
    text = request.query.get(name, str(usual))
    try:
        value = int(text)
    except ValueError:
        raise _invalid(name, text, f"{name} is no number") from None
    if value < least:
        shown = "MaxResults" if name == "maxresults" else name
        raise _invalid(name, text, f"{shown} cannot be less than {least}")
    return value


def _invalid(name: str, value: str, reason: str) -> Refusal:
    values = {"QueryParameterName": name, "QueryParameterValue": value, "Reason": reason}
    return refusal(400, "InvalidQueryParameterValue", **values)


def _link(request: Request, first: int) -> str:
    query = dict(request.query) | {"$skiptoken": str(first)}
    return f"{request.origin}/{'/'.join(request.parts)}?{urlencode(query, safe='$')}"


def _term(text: str) -> Callable[[dict[str, Any]], bool]:
    if match := _STARTS.fullmatch(text.strip()):
        name, prefix = match.groups()
        return lambda row: str(row.get(name, "")).lower().startswith(prefix.lower())
    if match := _COMPARES.fullmatch(text.strip()):
        path, sign, word, digits = match.groups()
        value = word if digits is None else int(digits)
        return lambda row: (held := _field(row, path)) is not None and _COMPARE[sign](held, value)
    raise _invalid("$filter", text, "The filter cannot be read here")


def _field(row: dict[str, Any], path: str) -> Any:
    held: Any = row
    for part in path.split("/"):
        held = held.get(part) if isinstance(held, dict) else None
    return held
