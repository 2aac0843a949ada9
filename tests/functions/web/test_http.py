"""Every endpoint answers in JSON or with a problem, with the request's id, and is counted."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import azure.functions as func
import msgspec
import pytest

from functions.web import http
from functions.web.http import endpoint, json_answer, read_json
from shared.errors import (
    BundleError,
    Conflict,
    InvalidInput,
    Malformed,
    NotFound,
    Overloaded,
    SettingsError,
    TooLarge,
    TooManyRequests,
    Transient,
    UnsupportedType,
)
from shared.serving.metrics import metrics


class Point(msgspec.Struct, forbid_unknown_fields=True):
    x: float


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[func.HttpRequest], Any]], Callable[..., Any]]:
    """Makes an endpoint of a function, and calls it."""
    monkeypatch.setattr(http, "OPERATIONS", [])

    def make(handler: Callable[[func.HttpRequest], Any]) -> Callable[..., Any]:
        served = endpoint(func.Blueprint(), "POST", "api/test", answer=dict)(handler)

        def call(body: bytes = b"", **headers: str) -> func.HttpResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = served(func.HttpRequest("POST", "/api/test", headers=named, body=body))
            return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer

        return call

    return make


def raising(error: Exception) -> Callable[[func.HttpRequest], Any]:
    async def handler(req: func.HttpRequest) -> func.HttpResponse:
        raise error

    return handler


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("a", "b"), 400),
        (NotFound("a", "b"), 404),
        (Conflict("a", "b"), 409),
        (TooLarge("a", "b"), 413),
        (UnsupportedType("a", "b"), 415),
        (InvalidInput("a", "b"), 422),
        (TooManyRequests("a", "b"), 429),
        (SettingsError("a", "b"), 500),
        (Overloaded("a", "b"), 503),
        (Transient("a", "b"), 503),
        (BundleError("a", "b"), 503),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_a_problem_with_the_status_that_fits(serve: Any, error: Exception, status: int) -> None:
    answer = serve(raising(error))(x_request_id="mine-1")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    problem = json.loads(answer.get_body())
    assert (problem["detail"], problem["hint"], problem["error"]) == ("a", "b", "a b")
    assert problem["request_id"] == answer.headers["x-request-id"] == "mine-1"
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


def test_what_nobody_expected_is_500_and_tells_neither_caller_nor_log_what_was_sent(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = serve(raising(ValueError("secret text")))()
    assert answer.status_code == 500
    assert b"secret" not in answer.get_body()
    assert "secret" not in caplog.text
    assert "ValueError" in caplog.text
    assert "test_http.py" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "ü"])
def test_an_id_that_cannot_be_one_is_replaced(serve: Any, given: str) -> None:
    ids = {serve(lambda req: json_answer({}))(x_request_id=given).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert given not in ids


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"x": 1}', "application/json; charset=utf-8", 200),
        (b'{"x": 1}', "", 200),
        (b'{"x": 1}', "text/plain", 415),
        (b"", "", 400),
        (b"{", "", 400),
        (b"\xff", "", 400),
        (b"[" * 90, "", 422),
        (b'{"x": "\xff"}', "", 422),
        (b"{}", "", 422),
        (b'{"x": 1, "y": 2}', "", 422),
        (b'{"x": NaN}', "", 400),
        (b'{"x": 1e999}', "", 422),
        (b'{"x":' + b"1" * 100 + b"}", "", 413),
    ],
)
def test_a_body_is_read_or_refused_for_what_it_is(serve: Any, body: bytes, kind: str, status: int) -> None:
    call = serve(lambda req: json_answer(read_json(req, Point, 100)))
    assert call(body, content_type=kind).status_code == status


def test_nesting_without_end_is_refused(serve: Any) -> None:
    call = serve(lambda req: json_answer(read_json(req, dict, 1_000_000)))
    assert call(b'{"x":' + b"[" * 500_000).status_code == 400


def test_requests_are_counted_by_status(serve: Any) -> None:
    async def test_counted(req: func.HttpRequest) -> func.HttpResponse:
        return json_answer(read_json(req, Point, 100))

    call = serve(test_counted)
    for body in (b'{"x": 1}', b'{"x": 2}', b"{"):
        call(body)
    text = (
        metrics()
        .text([])
        .decode()
        .replace(f'process="{metrics().process}",', "")
        .replace(f',process="{metrics().process}"', "")
    )
    assert 'tally_requests_total{function="test_counted",status="200"} 2.0' in text
    assert 'tally_requests_total{function="test_counted",status="400"} 1.0' in text
    assert 'tally_request_seconds_count{function="test_counted"} 3.0' in text


@pytest.mark.parametrize(
    ("seen", "address"),
    [
        ("", ""),
        ("1.2.3.4, 5.6.7.8:99", "5.6.7.8"),
        ("5.6.7.8", "5.6.7.8"),
        ("1.1.1.1,[2001:db8::1]:99", "[2001:db8::1]"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_caller_is_the_address_that_the_front_saw_last(seen: str, address: str) -> None:
    request = func.HttpRequest("GET", "/", headers={"x-forwarded-for": seen}, body=b"")
    assert http.caller(request) == address
