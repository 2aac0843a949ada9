"""The triggers for those who run the app: health, metrics, and what the HTTP API is."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func
import msgspec

from functions.dependencies import models
from functions.web.docs_page import page
from functions.web.health import Live, Ready, looked_at
from functions.web.http import JSON, OPERATIONS, Tags, answered, endpoint, json_answer, preconditions
from functions.web.openapi import document, methods_of
from shared.errors import MethodNotAllowed, NotFound
from shared.serving.preconditions import etag_of

blueprint = func.Blueprint()
VALIDATED: dict[str, Any] = {"headers": {"If-None-Match": Tags}, "sends": ("ETag",), "empty": (304,)}


@endpoint(blueprint, "GET", "api/health/live", answer=Live, key=False)
async def live(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the process answers."""
    return json_answer(Live())


@endpoint(blueprint, "GET", "api/health/ready", answer=Ready, key=False, statuses=(200, 503))
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    """Whether every model answers, and what is wrong; 503 where one does not. The first call loads them."""
    found = await looked_at(models().values())
    unavailable = found.status == "unavailable"
    return json_answer(found, HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.OK)


@endpoint(blueprint, "GET", "api/metrics", answer="text/plain")
async def show_metrics(req: func.HttpRequest) -> func.HttpResponse:
    """What this process counts and times, for Prometheus."""
    from shared.serving.metrics import MEDIA_TYPE, metrics

    text = metrics().text(model.state() for model in models().values())
    return func.HttpResponse(text, headers={"content-type": MEDIA_TYPE})


@endpoint(blueprint, "GET", "api/openapi.json", answer="application/json", key=False, **VALIDATED)
async def show_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """This API as an OpenAPI 3.1 document."""
    return _validated(req, msgspec.json.encode(document(OPERATIONS)), JSON)


@endpoint(blueprint, "GET", "api/docs", answer="text/html", key=False, **VALIDATED)
async def show_docs(req: func.HttpRequest) -> func.HttpResponse:
    """This API as a page."""
    up = "../" if urlsplit(req.url).path.endswith("/") else ""
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return _validated(req, page(document(OPERATIONS), f"{up}openapi.json").encode(), "text/html", headers)


def _validated(
    req: func.HttpRequest, content: bytes, kind: str, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """What is the same for all, until the app changes: kept by caches that ask each time whether it still is."""
    etag = etag_of(content)
    sent = {**(headers or {}), "ETag": etag, "Cache-Control": "no-cache"}
    if preconditions(req).known(etag):
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers=sent, mimetype=kind)
    return func.HttpResponse(content, headers=sent, mimetype=kind)


@answered
async def unrouted(req: func.HttpRequest) -> func.HttpResponse:
    """What no other function answers: 405 where only the method is wrong, else 404, in the words of a problem."""
    path = urlsplit(req.url).path
    allowed = ", ".join(methods_of(OPERATIONS, path))
    if not allowed:
        raise NotFound(f"There is nothing at {path[:80]}.", "/api/docs has all routes.")
    if req.method == "OPTIONS":
        return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allowed})
    raise MethodNotAllowed(f"{path[:80]} does not take {req.method}.", allowed)


# The host takes the first function whose route fits, in the order of their names: these have to be the last.
for _name, _route in (("api", "api/{*rest}"), ("score", "score"), ("v2", "v2/{*rest}")):
    blueprint.function_name(f"unrouted_{_name}")(blueprint.route(_route, auth_level=func.AuthLevel.ANONYMOUS)(unrouted))
