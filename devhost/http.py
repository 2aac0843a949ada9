"""The host's HTTP side: functions by route with keys checked, and the host's own pages under /admin."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.routing import request_response
from starlette.types import ASGIApp

from devhost.data import Request, http_call
from devhost.function import FunctionInfo
from devhost.http_protocol import HttpProtocol
from devhost.keys import Keys
from devhost.routes import Routes
from devhost.runner import Run
from shared.errors import SettingsError

_SLASH = re.compile("%2F", re.IGNORECASE)
BODY_LIMIT = 104_857_600  # the real host's FUNCTIONS_REQUEST_BODY_SIZE_LIMIT


class BodyTooLarge(Exception):
    """The request's body is over the limit."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the HTTP side serves. `keys` None means that nobody is asked for a key."""

    routes: Routes
    prefix: str
    keys: Keys | None
    run: Run
    body_limit: int = BODY_LIMIT

    async def answer(self, request: HttpRequest) -> Response:
        """Find the function, check the key, run it."""
        path = self._below_prefix(path_of(request))
        match = None if path is None else self.routes.match(request.method, path)
        if match is None:
            return _front_page() if request.url.path == "/" else Response(status_code=404)
        if self.keys and not self.keys.open(match.function, shown_key(request)):
            return Response(status_code=401)
        try:
            body = await read_body(request, self.body_limit)
        except ClientDisconnect:
            return Response(status_code=400)  # for nobody: who asked is gone
        except BodyTooLarge:
            return PlainTextResponse(f"The body is larger than {self.body_limit} bytes.", status_code=413)
        return await self._run_function(match.function, _request(request, match.parameters, body))

    def _below_prefix(self, path: str) -> str | None:
        parts = path.removeprefix("/").removesuffix("/")  # one at each end: an empty part is no match
        if not self.prefix:
            return parts
        head, _, rest = parts.partition("/")
        return rest if head.lower() == self.prefix.lower() else None

    async def _run_function(self, function: FunctionInfo, request: Request) -> Response:
        outcome = await self.run(function, http_call(function.trigger.name, request))
        return _response(outcome.result) if outcome.ok else Response(status_code=500)


def path_of(request: HttpRequest) -> str:
    """The path decoded once, as Kestrel does: but for %2F, which parts no segments."""
    raw: bytes = request.scope["raw_path"]
    return "%2F".join(map(unquote, _SLASH.split(raw.decode("ascii"))))


def shown_key(request: HttpRequest) -> str:
    """The key in the header `x-functions-key` or the query's `code`; empty where there is none."""
    return request.headers.get("x-functions-key") or request.query_params.get("code") or ""


async def read_body(request: HttpRequest, limit: int) -> bytes:
    """The whole body; raises BodyTooLarge as soon as it is known to be."""
    if int(request.headers.get("content-length", 0)) > limit:
        raise BodyTooLarge
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


def asgi(site: Site, own: list[StarletteRoute]) -> Starlette:
    """The ASGI application: the host's own pages first, every other path to functions."""
    application = Starlette(routes=own)
    application.router.default = request_response(site.answer)  # a route's pattern would not match a line break
    return application


def bind(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket; raises SettingsError naming a port that is taken. Port 0 takes a free one."""
    # asyncio turns off Nagle's delay (40 ms an answer) only for sockets that say they are TCP.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Port {port} of the Functions host is taken.", "Set HOST_PORT to another, or stop what uses it."
        ) from error
    return listening


class Server(uvicorn.Server):
    """uvicorn within the host: the host decides when it ends, not a signal of uvicorn's own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(application: ASGIApp, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then let requests in progress finish."""
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=HttpProtocol,
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


def _request(request: HttpRequest, parameters: dict[str, str], body: bytes) -> Request:
    return Request(
        request.method,
        str(request.url),
        dict(request.headers),
        dict(request.query_params),
        parameters,
        body,
    )


def _response(datum: Any) -> Response:
    if datum is None or datum.type is None:
        return Response(status_code=204)
    if datum.type != "http":
        return PlainTextResponse(str(datum.value))
    value = datum.value
    response = Response(value["body"].value, int(value["status_code"].value))
    for name, header in value["headers"].items():
        response.headers[name] = header.value
    cookies: list[SimpleCookie] = value.get("cookies") or []
    for cookie in cookies:
        for morsel in cookie.values():
            response.headers.append("set-cookie", morsel.OutputString())
    return response


def _front_page() -> Response:
    return PlainTextResponse("The function app is up and running.")
