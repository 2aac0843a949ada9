"""The server: HTTPS on loopback, tokens, injected faults, both sides of the contract, then the service itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import uvicorn
from starlette.datastructures import Headers, QueryParams
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from peers.azure import tokens
from peers.azure.clock import Clock
from peers.azure.exchange import Answer, Refusal, Request, Route, Routes, Service, split_path
from peers.azure.faults import Fault, Faults, Kind
from peers.azure.tokens import Tokens

log = logging.getLogger("peers.azure")

MAX_BODY = 1_048_576
"""Bytes of a request's body; the services that this stands for take no larger ones."""

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]


class ContractServer:
    """An ASGI application. `violations` lists every request and answer that broke the contract."""

    def __init__(self, services: list[Service], clock: Clock, tokens: Tokens) -> None:
        self.services = services
        self.clock = clock
        self.tokens = tokens
        self.faults = Faults()
        self.violations: list[str] = []
        self._routes = Routes(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)

    async def live(self) -> None:
        """What the services do beside requests, until cancelled; then each has ended."""
        async with asyncio.TaskGroup() as group:
            for service in self.services:
                group.create_task(service.live())

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _read(scope, receive)
        if request.parts == tokens.PATH:
            await _reply(send, self.tokens.answer(request), {}, b"application/json")
            return
        route = self._routes.find(request.method, request.parts)
        name = route.operation.name if route else f"{request.method} {scope['path']}"
        fault = self.faults.next(name)
        if fault and fault.kind is Kind.SLOW:
            await asyncio.sleep(fault.seconds)
        if fault and fault.kind is Kind.CUT_BEFORE:
            scope["state"]["transport"].abort()
            return
        answer = _fault_answer(fault) if fault else None
        answer = answer or self._answer(request, route)
        if fault and fault.kind is Kind.CUT_AFTER:
            scope["state"]["transport"].abort()
            return
        if fault and fault.kind is Kind.NOT_JSON:
            answer = Answer(answer.status, b"<html>A gateway's own page</html>", answer.headers)
        common = {"request-id": str(uuid4()), "date": self.clock.http_date()}
        await _reply(send, answer, common, b"application/json; odata=minimalmetadata")

    def _answer(self, request: Request, route: Route | None) -> Answer:
        if route is None:
            self.violations.append(f"{request.method} /{'/'.join(request.parts)} is no operation")
            return Answer(404, {"code": "ResourceNotFound"})
        service = route.service
        try:
            answer = self._act(request, route)
        except Refusal as refusal:
            return service.refused(refusal)
        if problems := service.contract.answer_problems(route.operation, answer):
            self._violated(f"answer to {route.operation.name}", problems)
            return Answer(500, {"code": "AnswerBreaksContract", "message": {"lang": "en", "value": problems[0]}})
        return answer

    def _act(self, request: Request, route: Route) -> Answer:
        resource = route.service.resource  # a registry issues its own tokens
        if resource and (problem := self.tokens.problem(request, resource)):
            raise Refusal(401, "AuthenticationFailed", problem, {"AuthenticationErrorDetail": problem})
        if len(request.content) > MAX_BODY:
            message = "The request body is too large and exceeds the maximum permissible limit."
            raise Refusal(413, "RequestBodyTooLarge", message, {"MaxLimit": str(MAX_BODY)})
        try:
            problems = route.service.contract.request_problems(route.operation, request)
        except msgspec.DecodeError as error:
            problems = [str(error)]
        if problems:
            self._violated(route.operation.name, problems)
            details = {f"Problem{number}": problem for number, problem in enumerate(problems[:5])}
            raise Refusal(400, "InvalidRequestBody", "The request is not what the contract says.", details, problems)
        return route.operation.handler(request, **route.names)

    def _violated(self, what: str, problems: list[str]) -> None:
        self.violations += [f"{what}: {problem}" for problem in problems]
        log.warning("%s breaks the contract: %s", what, "; ".join(problems))


def _fault_answer(fault: Fault) -> Answer | None:
    if fault.kind is Kind.ANSWER:
        return fault.answer
    if fault.kind is not Kind.STATUS:
        return None
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    return Answer(fault.status, {"code": fault.code, "message": {"lang": "en", "value": "Injected."}}, headers)


async def _read(scope: Scope, receive: Receive) -> Request:
    content = bytearray()
    while True:
        message = await receive()
        content += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = Headers(scope=scope)
    return Request(
        scope["method"],
        split_path(scope["raw_path"].decode("ascii")),
        dict(QueryParams(scope["query_string"])),
        {name.lower(): value for name, value in headers.items()},
        bytes(content),
        f"https://{headers.get('host', '127.0.0.1')}",
    )


async def _reply(send: Send, answer: Answer, common: dict[str, str], kind: bytes) -> None:
    content = answer.content()
    headers = [(name.lower().encode(), value.encode()) for name, value in (common | dict(answer.headers)).items()]
    headers.append((b"content-length", str(len(content)).encode()))
    if content and b"content-type" not in dict(headers):
        headers.append((b"content-type", kind))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class _Cuttable(HttpToolsProtocol):
    """Lets the application cut the connection, as networks do."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()  # a client that keeps the connection would hold up the end of TLS
        else:
            super().shutdown()


def serving(app: ContractServer, certificate: Path, port: int) -> uvicorn.Server:
    """A server of the application that is not running yet; port 0 takes a free one."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http=_Cuttable, lifespan="off", log_level="critical", access_log=False,
        ssl_certfile=certificate, date_header=False, server_header=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    return uvicorn.Server(config)


async def serve(app: ContractServer, server: uvicorn.Server) -> None:
    """Serve, and let the services live, until the server is told to exit."""
    living = asyncio.create_task(app.live())
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.wait([living, serving], return_when=asyncio.FIRST_COMPLETED)
        if living.done():
            living.result()
    finally:
        server.should_exit = True
        await serving
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living
