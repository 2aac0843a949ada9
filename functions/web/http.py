"""What all HTTP functions share: reading what was sent, and an answer in JSON or a problem, with the request's id."""

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from time import perf_counter
from traceback import format_tb
from typing import Annotated, Any

import azure.functions as func
import msgspec

from functions.web import json_body
from functions.web.inference.content_encoding import decoded
from functions.web.openapi import Operation
from shared.errors import InvalidInput, TallyError, TooLarge, UnsupportedType
from shared.serving.preconditions import Preconditions
from shared.telemetry import log

type Handler = Callable[[func.HttpRequest], func.HttpResponse]
type AsyncHandler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

REQUEST_ID = "x-request-id"
JSON = "application/json"
Tags = Annotated[str, msgspec.Meta(description="ETags, or `*` (RFC 9110, 13.1).", examples=["*"])]
OPERATIONS: list[Operation] = []
"""Every endpoint of the app, in the order in which they were declared."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def endpoint[H: Handler | AsyncHandler](
    blueprint: func.Blueprint, method: str, route: str, *, answer: Any, key: bool = True, **takes: Any
) -> Callable[[H], H]:
    """Serve the handler at a route of its own, HEAD where GET is; what it raises is answered as a problem.

    answer, takes: the types that `Operation` says, for the API's document. Every answer is counted and carries the
    request's id; no cache keeps one that does not say otherwise.
    """

    def register(handler: H) -> H:
        name, about = handler.__name__, handler.__doc__ or ""
        OPERATIONS.append(Operation(method, route, name, about, answer, key=key, **takes))
        level = func.AuthLevel.FUNCTION if key else func.AuthLevel.ANONYMOUS
        methods = [method, "HEAD"] if method == "GET" else [method]
        return blueprint.route(route, methods=methods, auth_level=level)(answered(handler))  # type: ignore[no-any-return]

    return register


def answered(handler: Any) -> Any:
    """The handler, with what it raises answered as a problem, and every answer finished."""
    name = handler.__name__
    if iscoroutinefunction(handler):

        @wraps(handler)
        async def answer_later(req: func.HttpRequest) -> func.HttpResponse:
            begun = perf_counter()
            try:
                answer = await handler(req)
            except Exception as error:  # noqa: BLE001 a trigger's boundary
                answer = _problem(name, req, error)
            return _finished(name, req, answer, begun)

        return answer_later

    @wraps(handler)
    def answer_now(req: func.HttpRequest) -> func.HttpResponse:
        begun = perf_counter()
        try:
            answer = handler(req)
        except Exception as error:  # noqa: BLE001 a trigger's boundary
            answer = _problem(name, req, error)
        return _finished(name, req, answer, begun)

    return answer_now


def json_answer(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """An answer in JSON."""
    return func.HttpResponse(msgspec.json.encode(value), status_code=status, headers=headers, mimetype=JSON)


def read_json[T](req: func.HttpRequest, kind: type[T], limit: int, query: Mapping[str, Any] | None = None) -> T:
    """The body as a value of this type; query: members that the query may hold instead, with their types.

    Raises TooLarge over the limit in bytes, UnsupportedType for another content type, Malformed for what is no JSON,
    InvalidInput for JSON that says something else.
    """
    if media_type(req) not in ("", JSON):
        raise UnsupportedType(f"The body is said to be {media_type(req)}.", f"Send {JSON}.")
    data = body(req, limit)
    asked = json_body.decode(data, kind)
    beside = {name: value for name, one in (query or {}).items() if (value := read_query(req, name, one)) is not None}
    if not beside:
        return asked
    within = json_body.decode(data, dict[str, Any])
    for name, value in beside.items():
        if within.get(name, value) != value:
            raise InvalidInput(f"{name} is {value} in the query and {within[name]} in the body.", "Send one of them.")
    return msgspec.structs.replace(asked, **beside)  # type: ignore[type-var]


def read_query(req: func.HttpRequest, name: str, kind: Any) -> Any:
    """A parameter of the query, None where it is not there. Raises InvalidInput where it is not one."""
    return read_text(name, req.params[name], kind) if name in req.params else None


def read_text(name: str, text: str, kind: Any) -> Any:
    """A value written as a text. Raises InvalidInput where it is not one."""
    try:
        return msgspec.convert(text.strip(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{name} is {text[:40]!r}: {error}.", "See /api/docs.") from error


def body(req: func.HttpRequest, limit: int) -> bytes:
    """The body, decompressed. Raises TooLarge over the limit in bytes, UnsupportedEncoding, Malformed."""
    data: bytes = req.get_body()
    if len(data) > limit:
        raise TooLarge(f"The body has {len(data)} bytes, {limit} are allowed.", "Send less at once.")
    return decoded(data, str(req.headers.get("content-encoding", "")), limit)


def preconditions(req: func.HttpRequest) -> Preconditions:
    """The conditions that the request makes."""
    return Preconditions(str(req.headers.get("if-match", "")), str(req.headers.get("if-none-match", "")))


def media_type(req: func.HttpRequest) -> str:
    """The content type, without its parameters; empty where none is said."""
    return str(req.headers.get("content-type", "")).partition(";")[0].strip().lower()


def caller(req: func.HttpRequest) -> str:
    """Who asks: the address that the front of the app saw last; empty where there is no front."""
    seen = str(req.headers.get("x-forwarded-for", "")).rpartition(",")[2].strip()
    address, _, port = seen.rpartition(":")
    return address if port and ("]" in address or "." in address) else seen


def request_id(req: func.HttpRequest) -> str:
    """The id that the caller gave the request, if it can be one; else a new one."""
    given = str(req.headers.get(REQUEST_ID, ""))
    return given if _ID.fullmatch(given) else str(uuid.uuid4())


def _problem(name: str, req: func.HttpRequest, error: Exception) -> func.HttpResponse:
    from functions.web.problems import MEDIA_TYPE, headers_of, problem_of

    problem = problem_of(error, request_id(req))
    if not isinstance(error, TallyError):  # its message may quote what was sent: the log gets where it was raised
        where = "".join(format_tb(error.__traceback__))
        log(f"{type(error).__name__}\n{where}", level=logging.ERROR, function=name, request=problem.request_id)
    headers = {REQUEST_ID: problem.request_id, **headers_of(error, problem.status)}
    return func.HttpResponse(
        msgspec.json.encode(problem), status_code=problem.status, headers=headers, mimetype=MEDIA_TYPE
    )


def _finished(name: str, req: func.HttpRequest, answer: func.HttpResponse, begun: float) -> func.HttpResponse:
    from shared.serving.metrics import metrics

    if REQUEST_ID not in answer.headers:
        answer.headers[REQUEST_ID] = request_id(req)
    if "cache-control" not in answer.headers:
        answer.headers["Cache-Control"] = "no-store"  # caches do not know that x-functions-key is a key
    metrics().answered(name, answer.status_code, perf_counter() - begun)
    return answer
