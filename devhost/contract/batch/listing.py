"""Lists as OData wants them: $filter, $select, maxresults, and links to the next page."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from devhost.contract.exchange import Answer, Refusal, Request

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
    first = int(request.query.get("$skiptoken", "0"))
    size = min(PAGE, int(request.query.get("maxresults", PAGE)))
    found = list(islice((row for row in rows if all(term(row) for term in terms)), first, first + size + 1))
    names = request.query.get("$select", "")
    chosen = {name.strip() for name in names.split(",")} if names else None
    page = [row if chosen is None else {k: v for k, v in row.items() if k in chosen} for row in found[:size]]
    body: dict[str, Any] = {"value": page}
    if len(found) > size:
        body["odata.nextLink"] = _link(request, first + size)
    return Answer(200, body, partial=chosen is not None)


def _link(request: Request, first: int) -> str:
    from urllib.parse import urlencode

    query = dict(request.query) | {"$skiptoken": str(first)}
    return f"{request.origin}/{'/'.join(request.parts)}?{urlencode(query)}"


def _term(text: str) -> Callable[[dict[str, Any]], bool]:
    if match := _STARTS.fullmatch(text.strip()):
        name, prefix = match.groups()
        return lambda row: str(row.get(name, "")).lower().startswith(prefix.lower())
    if match := _COMPARES.fullmatch(text.strip()):
        path, sign, word, digits = match.groups()
        value = word if digits is None else int(digits)
        return lambda row: (held := _field(row, path)) is not None and _COMPARE[sign](held, value)
    raise Refusal(400, "InvalidQueryParameterValue", f"$filter cannot be {text!r} here.")


def _field(row: dict[str, Any], path: str) -> Any:
    held: Any = row
    for part in path.split("/"):
        held = held.get(part) if isinstance(held, dict) else None
    return held
