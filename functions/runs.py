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

from functions.dependencies import driver, settings, storage
from shared.errors import Conflict, InvalidInput, NotFound, TallyError, Transient
from shared.runs.driver import read_message
from shared.runs.record import Run
from shared.workloads import anomaly, style_transfer

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
class SpanRequest:
    """Score the windows that start in [start, end) with the current bundle."""

    start: datetime
    end: datetime

    def run(self) -> Run:
        """The run asked for."""
        return anomaly.backfill_run(storage(), self.start, self.end, driver().now())


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """Style a video of the container `videos`; what is left out comes from its metadata, then from the settings."""

    video: str
    style: str | None = None
    crf: int | None = None
    steady: bool | None = None
    segments: int | None = None

    def run(self) -> Run:
        """The run asked for."""
        asked = style_transfer.Options(self.style, self.crf, self.steady, self.segments)
        return style_transfer.asked_run(storage(), settings(), self.video, asked, driver().now())


class Asked(msgspec.Struct, frozen=True):
    """The part of the body of `POST /api/runs` that says which kind the rest is."""

    workload: str = anomaly.WORKLOAD


REQUESTS: dict[str, type[SpanRequest] | type[VideoRequest]] = {
    anomaly.WORKLOAD: SpanRequest,
    style_transfer.WORKLOAD: VideoRequest,
}


@blueprint.route("runs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def start_run(req: func.HttpRequest) -> func.HttpResponse:
    """Start a run over any span, or of any video; the same request twice is the same run."""

    def answer() -> func.HttpResponse:
        run = _decode(req.get_body()).run()
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


def _decode(body: bytes) -> SpanRequest | VideoRequest:
    try:
        workload = msgspec.json.decode(body, type=Asked).workload
        if workload not in REQUESTS:
            raise InvalidInput(f"There is no workload {workload!r}.", _EXAMPLE)
        return msgspec.json.decode(body, type=REQUESTS[workload])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"The body is not a request for a run: {error}.", _EXAMPLE) from error


_EXAMPLE = (
    'Send {"start": "2026-01-31T10:00:00Z", "end": "2026-01-31T11:00:00Z"}'
    ' or {"workload": "style", "video": "holiday.mp4", "style": "wave"}.'
)


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
