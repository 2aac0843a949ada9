"""The triggers that move runs on, and the HTTP API that shows and steers them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import azure.functions as func
import msgspec

from functions.dependencies import driver, storage
from shared.errors import Conflict, InvalidInput, NotFound, TallyError, Transient
from shared.runs.driver import read_message
from shared.runs.record import Run
from shared.workloads import anomaly

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name="runs", connection="ControlStorage")
def move_run(message: func.QueueMessage) -> None:
    """Make one move of a run; its next message follows after a pause."""
    driver().move(read_message(message.get_body().decode()))


@blueprint.queue_trigger(arg_name="message", queue_name="runs-poison", connection="ControlStorage")
def give_up_run(message: func.QueueMessage) -> None:
    """End a run whose message failed again and again, with the reason."""
    driver().give_up(read_message(message.get_body().decode()))


@blueprint.timer_trigger(schedule="%SWEEP_SCHEDULE%", arg_name="timer", run_on_startup=False)
def sweep_runs(timer: func.TimerRequest) -> None:
    """Send anew the messages of runs that nothing has moved for long."""
    driver().sweep()


@dataclass(frozen=True, slots=True)
class Request:
    """The body of `POST /api/runs`: score the windows that start in [start, end) with the current bundle."""

    start: datetime
    end: datetime
    workload: str = anomaly.WORKLOAD


@blueprint.route("runs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def start_run(req: func.HttpRequest) -> func.HttpResponse:
    """Start a run over any span; the same request twice is the same run."""

    def answer() -> func.HttpResponse:
        asked = _decode(req.get_body())
        run = anomaly.backfill_run(storage(), asked.start, asked.end, driver().now())
        driver().start(run)
        return _json(driver().store.load(run.id)[0], HTTPStatus.ACCEPTED, {"Location": f"/api/runs/{run.id}"})

    return _answered(answer)


@blueprint.route("runs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """The runs changed last, newest first (`?limit=`, 50 unless told, 200 at most)."""
    return _answered(lambda: _json(list(driver().store.newest(_limit(req.params.get("limit", "50"))))))


@blueprint.route("runs/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def show_run(req: func.HttpRequest) -> func.HttpResponse:
    """One run."""
    return _answered(lambda: _json(driver().store.load(req.route_params["id"])[0]))


@blueprint.route("runs/{id}/cancel", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    """Have a run stopped."""
    return _answered(lambda: _steered(driver().cancel, req.route_params["id"]))


@blueprint.route("runs/{id}/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def retry_run(req: func.HttpRequest) -> func.HttpResponse:
    """Queue a failed or cancelled run once more."""
    return _answered(lambda: _steered(driver().retry, req.route_params["id"]))


def _steered(verb: Callable[[str], None], run_id: str) -> func.HttpResponse:
    verb(run_id)
    return _json(driver().store.load(run_id)[0], HTTPStatus.ACCEPTED)


def _decode(body: bytes) -> Request:
    try:
        asked = msgspec.json.decode(body, type=Request)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"The body is not a request for a run: {error}.", _EXAMPLE) from error
    if asked.workload != anomaly.WORKLOAD:
        raise InvalidInput(f"There is no workload {asked.workload!r}.", _EXAMPLE)
    return asked


_EXAMPLE = 'Send {"start": "2026-01-31T10:00:00Z", "end": "2026-01-31T11:00:00Z"}.'


def _limit(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= 200:
        raise InvalidInput(f"limit is {text!r}.", "It is a number from 1 to 200.")
    return int(text)


_STATUS: dict[type[TallyError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Transient: HTTPStatus.SERVICE_UNAVAILABLE,
}


def _answered(answer: Callable[[], func.HttpResponse]) -> func.HttpResponse:
    """The answer, or the error as problem+json (RFC 9457)."""
    try:
        return answer()
    except TallyError as error:
        status = next(
            (code for kind, code in _STATUS.items() if isinstance(error, kind)),
            HTTPStatus.INTERNAL_SERVER_ERROR,
        )
        problem = {"title": status.phrase, "status": status, "detail": error.message, "hint": error.hint}
        return func.HttpResponse(json.dumps(problem), status_code=status, mimetype="application/problem+json")


def _json(
    value: Run | list[Run], status: HTTPStatus = HTTPStatus.OK, headers: dict[str, Any] | None = None
) -> func.HttpResponse:
    return func.HttpResponse(
        msgspec.json.encode(value), status_code=status, headers=headers, mimetype="application/json"
    )
