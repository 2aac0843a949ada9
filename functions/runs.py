"""The triggers that move runs on, and the HTTP API that shows and steers them."""

from collections.abc import Callable
from functools import reduce
from http import HTTPStatus
from operator import or_
from typing import Annotated, Any

import azure.functions as func
import msgspec

from functions.dependencies import driver, settings, storage
from functions.web.http import endpoint, json_answer, read_json, read_query
from shared.errors import InvalidInput
from shared.runs.answer import RunAnswer, RunId, shown
from shared.runs.driver import read_message
from shared.workloads import WORKLOADS

blueprint = func.Blueprint()
Limit = Annotated[int, msgspec.Meta(ge=1, le=200)]
_BODY_BYTES = 100_000


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


REQUESTS = {workload.name: workload.request for workload in WORKLOADS if workload.request}
"""What `POST /api/runs` takes, by the workload that it names; the first where it names none."""
FIRST = next(iter(REQUESTS))


class Asked(msgspec.Struct, frozen=True):
    """The part of the body that says of which type the rest is."""

    workload: str = FIRST


@endpoint(
    blueprint,
    "POST",
    "api/runs",
    request=reduce(or_, list[Any](REQUESTS.values())),
    example=next(workload.example for workload in reversed(WORKLOADS) if workload.example),
    answer=RunAnswer,
    statuses=(202,),
    sends=("Location",),
    problems=(404, 409),
)
def start_run(req: func.HttpRequest) -> func.HttpResponse:
    """Start a run of any workload; the same request twice is the same run."""
    asked = read_json(req, Asked, _BODY_BYTES).workload
    if asked not in REQUESTS:
        raise InvalidInput(f"There is no workload {asked!r}.", f"There are: {', '.join(REQUESTS)}.")
    run = read_json(req, REQUESTS[asked], _BODY_BYTES).run(storage(), settings(), driver().now())
    driver().start(run)
    return json_answer(shown(driver().store.load(run.id)[0]), HTTPStatus.ACCEPTED, {"Location": f"/api/runs/{run.id}"})


@endpoint(blueprint, "GET", "api/runs", answer=list[RunAnswer], query={"limit": Limit}, problems=(422,))
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """The runs changed last, newest first."""
    return json_answer([shown(run) for run in driver().store.newest(read_query(req, "limit", Limit) or 50)])


@endpoint(blueprint, "GET", "api/runs/{id}", path={"id": RunId}, answer=RunAnswer)
def show_run(req: func.HttpRequest) -> func.HttpResponse:
    """One run."""
    return json_answer(shown(driver().store.load(req.route_params["id"])[0]))


@endpoint(
    blueprint, "POST", "api/runs/{id}/cancel", path={"id": RunId}, answer=RunAnswer, statuses=(202,), problems=(409,)
)
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    """Have a run stopped."""
    return _steered(driver().cancel, req.route_params["id"])


@endpoint(
    blueprint, "POST", "api/runs/{id}/retry", path={"id": RunId}, answer=RunAnswer, statuses=(202,), problems=(409,)
)
def retry_run(req: func.HttpRequest) -> func.HttpResponse:
    """Queue a failed or cancelled run once more."""
    return _steered(driver().retry, req.route_params["id"])


def _steered(verb: Callable[[str], None], run_id: str) -> func.HttpResponse:
    verb(run_id)
    return json_answer(shown(driver().store.load(run_id)[0]), HTTPStatus.ACCEPTED)
