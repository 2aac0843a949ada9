"""Refusals as the services put them: Machine Learning's own, Resource Manager's gateway's, the compute service's."""

from datetime import UTC, datetime
from typing import Any

from peers.azure.exchange import Answer, Refusal

type Body = dict[str, Any]
JSON = "application/json; charset=utf-8"
OWN = {"cache-control": "no-cache", "x-request-time": "0.042"}
INVALID = "Request is invalid and/or missing fields."


class Refused(Refusal):
    """A refusal by Machine Learning itself; `inner` are the codes inside the code, the outermost first."""

    def __init__(self, status: int, message: str, *inner: str, code: str = "UserError", empty: bool = False) -> None:
        super().__init__(status, code, message)
        self.inner = inner
        self.empty = empty


def stamp7(moment: datetime) -> str:
    """A moment with seven digits of a second, as .NET writes it."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{1 + moment.microsecond % 9}+00:00"


def envelope(refusal: Refusal, place: str, now: datetime) -> Answer:
    """The answer that a refusal is."""
    if isinstance(refusal, Refused):
        if refusal.empty:
            return Answer(refusal.status, headers=OWN | {"x-ms-response-type": "standard"})
        error = {"code": refusal.code, "message": refusal.message, "details": list[Body]()}
        return _own(refusal.status, error, refusal.inner, place, now)
    if refusal.code == "InvalidRequestBody":
        told = [_detail(problem) for problem in refusal.details.values()]
        error = {"code": "UserError", "message": INVALID, "details": told}
        answer = _own(refusal.status, error, ("RequestInvalid",), place, now)
        answer.body["error"]["additionalInfo"].append({"type": "MessageFormat", "info": {"value": INVALID}})
        return answer
    headers = {"cache-control": "no-cache", "x-ms-failure-cause": "gateway", "content-type": JSON}
    return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}}, headers)


def _detail(message: str) -> Body:
    return {"code": "RequestInvalid", "message": message, "details": [], "additionalInfo": []}


def _own(status: int, error: Body, inner: tuple[str, ...], place: str, now: datetime) -> Answer:
    correlation = {"operation": "0" * 32, "request": "0" * 16}
    told: Body = {"ComponentName": "managementfrontend", "Correlation": correlation}
    told |= {"Environment": place, "Location": place, "Time": stamp7(now)}
    held: Body | None = None
    for code in reversed(inner):
        held = {"code": code, "innerError": held}
    if held:
        told["InnerError"] = held
    infos = [{"type": name, "info": {"value": value}} for name, value in told.items()]
    headers = OWN | {"x-ms-response-type": "error", "content-type": JSON}
    return Answer(status, {"error": error | {"additionalInfo": infos}}, headers)
