"""The host's own pages: what it runs, whether it is well, and running a function by hand."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from devhost.data import Event, Partition, QueueMessage, events_call, queue_call, timer_call
from devhost.function import FunctionInfo
from devhost.http import BodyTooLarge, read_body, shown_key
from devhost.keys import Keys
from devhost.runner import Run
from devhost.worker import Call
from shared.errors import InvalidInput

BODY_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Admin:
    """The pages under /admin; with keys, each asks for the master key."""

    functions: Sequence[FunctionInfo]
    keys: Keys | None
    run: Run
    started: float = field(default_factory=time.monotonic)
    _running: set[asyncio.Task[Any]] = field(default_factory=set)

    def routes(self) -> list[Route]:
        """What Starlette serves."""
        return [
            Route("/admin/host/status", self.status),
            Route("/admin/host/ping", self.ping, methods=["GET", "POST"]),
            Route("/admin/functions", self.functions_page),
            Route("/admin/functions/{name}", self.run_now, methods=["POST"]),
        ]

    async def ping(self, request: Request) -> Response:
        """200 while the host answers."""
        return Response()

    async def status(self, request: Request) -> Response:
        """The host's state, by the real host's names."""
        if refused := self._refused(request):
            return refused
        uptime = int((time.monotonic() - self.started) * 1000)
        return JSONResponse({"id": "devhost", "state": "Running", "version": "4", "processUptime": uptime})

    async def functions_page(self, request: Request) -> Response:
        """Each function with its bindings' values."""
        if refused := self._refused(request):
            return refused
        return JSONResponse(
            [{"name": f.name, "config": {"bindings": [dict(f.trigger.values)]}} for f in self.functions]
        )

    async def run_now(self, request: Request) -> Response:
        """Run a function with `{"input": ...}` as its trigger; answers 202 at once."""
        if refused := self._refused(request):
            return refused
        found = {function.name.lower(): function for function in self.functions}
        function = found.get(request.path_params["name"].lower())
        if function is None:
            return Response(status_code=404)
        try:
            call = manual_call(function, await _input(request))
        except InvalidInput as error:
            return PlainTextResponse(str(error), status_code=400)
        task = asyncio.ensure_future(self.run(function, call))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Response(status_code=202)

    def _refused(self, request: Request) -> Response | None:
        if self.keys and not self.keys.rules(shown_key(request)):
            return Response(status_code=401)
        return None


def manual_call(function: FunctionInfo, value: str) -> Call:
    """The call of a function that no trigger set off; raises InvalidInput for HTTP functions."""
    name = function.trigger.name
    now = datetime.now(UTC)
    match function.trigger_type:
        case "timerTrigger":
            return timer_call(name)
        case "queueTrigger":
            return queue_call(name, QueueMessage(value, "manual", 1, "", now, now, now))
        case "eventHubTrigger" if function.many:
            events = [Event(value.encode(), 0, "0", now)]
            partition = Partition("manual", function.event_hub, function.consumer_group, "0")
            return events_call(name, events, partition, binary=function.binary)
    raise InvalidInput(f"{function.name} cannot be run by hand.", "Call an HTTP function by its route.")


async def _input(request: Request) -> str:
    try:
        document = json.loads(await read_body(request, BODY_LIMIT) or b"{}")
    except BodyTooLarge:
        raise InvalidInput(f"The body is larger than {BODY_LIMIT} bytes.") from None
    except ValueError as error:
        raise InvalidInput(f"The body is not JSON: {error}.") from error
    if not isinstance(document, Mapping):
        raise InvalidInput('The body is not of the form {"input": ...}.')
    value = document.get("input", "")
    return value if isinstance(value, str) else json.dumps(value)
