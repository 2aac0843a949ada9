"""What a real service was recorded to answer, and how far another answer is like it: members, forms, capitals."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

RECORD = Path(__file__).parents[4] / "shared" / "data"
type Body = dict[str, Any]
_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z"
_FORMS = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
    (_DATE, "<date>"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "<http date>"),
    (r"0x8D[0-9A-F]{13}", "<etag>"),
    (r"tvmps_[0-9a-f]{64}_[dp]", "<node>"),
    (r"https://[\w.-]+(:\d+)?/", "<url>/"),
    (r";\s*", "; "),
    (r"\$skiptoken=\w+", "$skiptoken=<token>"),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call and what was answered; `name` is the file's, without its ending."""

    name: str
    request: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]
    body: Any


def recorded(service: str) -> dict[str, Recorded]:
    """All there is of a service, by name; nothing where the record is absent."""
    files = sorted((RECORD / service).glob("*.json"))
    held = {file.stem: json.loads(file.read_text()) for file in files if file.stem != "timelines"}
    return {
        name: Recorded(name, each["request"], each["status"], each.get("headers", {}), each.get("body"))
        for name, each in held.items()
    }


def form(value: Any) -> Any:
    """A value without what differs from call to call: times, ids of the service's own, hosts."""
    if not isinstance(value, str):
        return value
    text = unquote(value).replace("\\", "/")
    for pattern, name in _FORMS:
        text = re.sub(pattern, name, text)
    return text


def differences(record: Any, answer: Any, unclaimed: Mapping[str, str], place: str = "") -> Iterator[str]:
    """Where an answer is not like the record; `unclaimed` members, by their place, are left out."""
    if isinstance(record, dict) and isinstance(answer, dict):
        for name in sorted(record.keys() | answer.keys()):
            if f"{place}/{name}" not in unclaimed:
                yield from _of_member(record, answer, unclaimed, f"{place}/{name}", name)
    elif isinstance(record, list) and isinstance(answer, list) and len(record) == len(answer):
        for one, other in zip(_sorted(record), _sorted(answer), strict=True):
            yield from differences(one, other, unclaimed, f"{place}/*")
    elif form(record) != form(answer):
        yield f"{place}: {form(answer)!r} is not {form(record)!r}"


def _of_member(record: Body, answer: Body, unclaimed: Mapping[str, str], place: str, name: str) -> Iterator[str]:
    if name not in record or name not in answer:
        yield f"{place}: {'is not answered' if name in record else 'is not in the record'}"
    else:
        yield from differences(record[name], answer[name], unclaimed, place)


def _sorted(items: list[Any]) -> list[Any]:
    """Results of tasks, which come in any order, by task."""
    return sorted(items, key=lambda each: str(each.get("taskId", "")) if isinstance(each, dict) else "")
