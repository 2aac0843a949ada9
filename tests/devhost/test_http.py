"""The HTTP side alone: what it does with bodies, answers and keys, without a worker."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devhost.cors import Cors, read_cors
from devhost.function import Binding, FunctionInfo
from devhost.http import Site, asgi, bind, serve
from devhost.keys import read_keys
from devhost.routes import Routes
from devhost.runner import Run
from devhost.supervisor import answers
from devhost.worker import Call, Outcome
from shared.errors import SettingsError

pytestmark = pytest.mark.anyio
NO_CORS = Cors()


@dataclass
class Datum:
    value: Any
    type: str | None


def function(level: str = "anonymous", name: str = "f", route: str = "") -> FunctionInfo:
    values = {"route": route or name, "authLevel": level}
    return FunctionInfo(name, name, Binding("req", "httpTrigger", "in", values), ())


@asynccontextmanager
async def served(
    outcome: Outcome, prefix: str = "api", body_limit: int = 10, cors: Cors = NO_CORS
) -> AsyncIterator[aiohttp.ClientSession]:
    async def run(function: FunctionInfo, call: Call) -> Outcome:
        return outcome

    site = Site(Routes.of([function()]), prefix, None, run, body_limit)
    listening, stop = bind(0), asyncio.Event()
    server = asyncio.create_task(serve(cors.around(asgi(site, [])), listening, stop))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listening.getsockname()[1]}") as session:
        yield session
    stop.set()
    await server


@asynccontextmanager
async def connected(run: Run, route: str = "f") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to a host whose only function is run so."""
    listening, stop = bind(0), asyncio.Event()
    site = Site(Routes.of([function(route=route)]), "api", None, run)
    server = asyncio.create_task(serve(asgi(site, []), listening, stop))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    yield reader, writer
    writer.close()
    stop.set()
    await server


async def get(session: aiohttp.ClientSession, path: str, method: str = "GET", **options: Any) -> tuple[int, str]:
    async with session.request(method, path, **options) as response:
        return response.status, await response.text()


def ok(datum: Datum | None) -> Outcome:
    return Outcome("id", True, 0.0, datum)


async def test_a_text_is_an_answer_and_nothing_is_no_content() -> None:
    for datum, answer in [
        (Datum("hello", "string"), (200, "hello")),
        (None, (204, "")),
        (Datum(None, None), (204, "")),
    ]:
        async with served(ok(datum)) as session:
            assert await get(session, "/api/f") == answer


async def test_a_body_over_the_limit_is_413_whether_or_not_its_length_is_announced() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"123456"
        yield b"78901"

    async with served(ok(None)) as session:
        assert (await get(session, "/api/f", "POST", data=b"1234567890"))[0] == 204
        assert (await get(session, "/api/f", "POST", data=b"12345678901"))[0] == 413
        assert (await get(session, "/api/f", "POST", data=parts()))[0] == 413


async def test_the_prefix_may_be_another_or_none() -> None:
    async with served(ok(None), prefix="v1") as session:
        assert (await get(session, "/V1/f"))[0] == 204
    async with served(ok(None), prefix="") as session:
        assert (await get(session, "/f"))[0] == 204
        assert (await get(session, "/api/f"))[0] == 404


async def test_a_stop_lets_a_request_in_progress_finish() -> None:
    begun, finish, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(function: FunctionInfo, call: Call) -> Outcome:
        begun.set()
        await finish.wait()
        return ok(Datum("done", "string"))

    listening = bind(0)
    port = listening.getsockname()[1]
    site = Site(Routes.of([function()]), "api", None, run)
    server = asyncio.create_task(serve(asgi(site, []), listening, stop))
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        answer = asyncio.create_task(get(session, "/api/f"))
        await begun.wait()
        stop.set()
        while await answers(port):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        finish.set()
        assert await answer == (200, "done")
    await server


def test_keys_last_and_new_functions_get_theirs(tmp_path: Path) -> None:
    file = tmp_path / ".tally" / "keys.json"
    first = read_keys(file, ["a"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = read_keys(file, ["a", "b"])
    assert (second.master, second.default, second.functions["a"]) == (
        first.master,
        first.default,
        first.functions["a"],
    )
    assert len({first.master, first.default, *second.functions.values()}) == 4


def test_a_key_opens_its_own_function_only(tmp_path: Path) -> None:
    keys = read_keys(tmp_path / "keys.json", ["a", "b"])
    assert keys.open(function("function", "a"), keys.functions["a"])
    assert not keys.open(function("function", "b"), keys.functions["a"])
    assert not keys.open(function("admin", "a"), keys.functions["a"])
    assert not keys.open(function("function", "new"), "")
    assert not keys.open(function("function", "a"), "schlüssel")


def test_a_taken_port_of_the_host_is_named() -> None:
    with bind(0) as taken, pytest.raises(SettingsError, match="HOST_PORT"):
        bind(taken.getsockname()[1])


async def test_a_client_that_leaves_while_it_sends_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with served(ok(None)) as session:
        assert session._base_url is not None
        _, writer = await asyncio.open_connection(session._base_url.host, session._base_url.port)
        writer.write(b"POST /api/f HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await get(session, "/api/f"))[0] == 204
    assert caplog.text == ""


@pytest.mark.parametrize("size", [1, 40, 10_000])
async def test_an_offer_of_another_protocol_is_passed_over_with_nothing_lost(size: int) -> None:
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def run(function: FunctionInfo, call: Call) -> Outcome:
        sent.put_nowait(call.inputs[0][1].value["body"].value)
        return ok(None)

    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    requests = b"".join(
        b"POST /api/f HTTP/1.1\r\nHost: a\r\n" + more + b"Content-Length: 5\r\n\r\n" + body
        for more, body in ((offer, b"first"), (b"", b"other"), (offer.replace(b"h2c", b"websocket"), b"third"))
    )
    async with connected(run) as (reader, writer):
        for at in range(0, len(requests), size):
            writer.write(requests[at : at + size])
            await asyncio.sleep(0)
        for body in (b"first", b"other", b"third"):
            assert await sent.get() == body
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
        writer.write(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")


async def test_a_client_that_closes_its_half_is_answered_all_that_it_asked() -> None:
    async def run(function: FunctionInfo, call: Call) -> Outcome:
        await asyncio.sleep(0.01)  # the end of what is sent is seen before there is an answer
        return ok(Datum("hello", "string"))

    async with connected(run) as (reader, writer):
        writer.write(b"GET /api/f HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        writer.write_eof()
        assert (await reader.read()).count(b"hello") == 2
    async with connected(run) as (reader, writer):
        writer.write(b"POST /api/f HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234")
        writer.write_eof()
        assert b"hello" not in await reader.read()


async def test_blanks_around_a_header_are_no_part_of_it() -> None:
    seen: dict[str, str] = {}

    async def run(function: FunctionInfo, call: Call) -> Outcome:
        seen.update({name: datum.value for name, datum in call.inputs[0][1].value["headers"].items()})
        return ok(None)

    async with connected(run) as (reader, writer):
        writer.write(b"GET /api/f HTTP/1.1\r\nHost: a\r\nX-Functions-Key: \t key one \t\r\nX-None:  \r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
    assert (seen["x-functions-key"], seen["x-none"]) == ("key one", "")


@pytest.mark.parametrize(
    ("path", "rest"),
    [("a%2541", "a%41"), ("a%2fb", "a/b"), ("a%20b%C3%A4", "a bä"), ("a%0Ab", "a\nb"), ("%61/%FF", "a/\ufffd")],
)
async def test_a_path_is_decoded_once(path: str, rest: str) -> None:
    seen: list[dict[str, str]] = []

    async def run(function: FunctionInfo, call: Call) -> Outcome:
        seen.append({name: datum.value for name, datum in call.inputs[0][1].value["params"].items()})
        return ok(None)

    async with connected(run, "f/{*rest}") as (reader, writer):
        writer.write(b"GET /api/%66/" + path.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 204")
    assert seen == [{"rest": rest}]


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ('{"CORS": "*"}', "http://page.example", "*"),
        ('{"CORS": "http://a.example, http://page.example/"}', "http://page.example", "http://page.example"),
        ('{"CORS": "http://a.example"}', "http://page.example", None),
        ("{}", "http://page.example", None),
        ("null", "http://page.example", None),
    ],
)
async def test_a_page_of_another_origin_may_ask_where_the_settings_file_says_so(
    tmp_path: Path, host: str, origin: str, allowed: str | None
) -> None:
    (tmp_path / "local.settings.json").write_text(f'{{"Values": {{}}, "Host": {host}}}', "utf-8-sig")
    cors = read_cors(tmp_path)
    async with served(ok(Datum("hello", "string")), cors=cors) as session:
        asks = {"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-key"}
        async with session.options("/api/f", headers=asks) as preflight, session.get("/api/f", headers=asks) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert (preflight.status == 200 and "PUT" in preflight.headers.get("Access-Control-Allow-Methods", "")) == (
                allowed is not None
            )


@pytest.mark.parametrize("host", ['{"CORS": ["*"]}', '{"CORS": 5}', "5", '{"CORS": "*", "CORSCredentials": "yes"}'])
def test_what_is_no_list_of_origins_is_named(tmp_path: Path, host: str) -> None:
    (tmp_path / "local.settings.json").write_text(f'{{"Host": {host}}}')
    with pytest.raises(SettingsError, match=r"local\.settings\.json"):
        read_cors(tmp_path)


async def test_a_small_answer_is_not_held_back_for_more() -> None:
    loop, listening = asyncio.get_running_loop(), bind(0)
    delays: asyncio.Queue[int] = asyncio.Queue()

    class Peer(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            connection = transport.get_extra_info("socket")
            delays.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async with await loop.create_server(Peer, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await delays.get() == 1
        writer.close()
        await writer.wait_closed()
