"""The triggers for those who run the app: health, metrics, and what the HTTP API is."""

from http import HTTPStatus

import azure.functions as func

from functions.dependencies import models
from functions.http import OPERATIONS, endpoint, json_answer
from shared.realtime.docs_page import page
from shared.realtime.health import Live, Ready, looked_at
from shared.realtime.openapi import document

blueprint = func.Blueprint()


@endpoint(blueprint, "GET", "api/health/live", answer=Live, key=False)
async def live(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the process answers."""
    return json_answer(Live())


@endpoint(blueprint, "GET", "api/health/ready", answer=Ready, key=False, statuses=(200, 503))
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    """Whether every model answers, and what is wrong; 503 where one does not. The first call loads them."""
    found = await looked_at(models())
    unavailable = found.status == "unavailable"
    return json_answer(found, HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.OK)


@endpoint(blueprint, "GET", "api/metrics", answer="text/plain")
async def show_metrics(req: func.HttpRequest) -> func.HttpResponse:
    """What this process counts and times, for Prometheus."""
    from shared.realtime.metrics import MEDIA_TYPE, metrics

    text = metrics().text(model.state() for model in models())
    return func.HttpResponse(text, headers={"content-type": MEDIA_TYPE})


@endpoint(blueprint, "GET", "api/openapi.json", answer="application/json", key=False)
async def show_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """This API as an OpenAPI 3.1 document."""
    return json_answer(document(OPERATIONS))


@endpoint(blueprint, "GET", "api/docs", answer="text/html", key=False)
async def show_docs(req: func.HttpRequest) -> func.HttpResponse:
    """This API as a page."""
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return func.HttpResponse(page(document(OPERATIONS)), headers=headers, mimetype="text/html")
