"""The peer as a process: its command line, its death and its return."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData

from peers.eventhub.__main__ import hub_spec, options
from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, listen
from shared.errors import SettingsError
from tests.peers.eventhub.clients import producer, seed, stored
from tests.peers.eventhub.conftest import HUBS, KEY, breaks_connections

ENV = {"EVENTHUB_KEY_NAME": KEY.name, "EVENTHUB_KEY": KEY.key}
ROOT = Path(__file__).parents[3]


def start(data: Path, port: int = 0, env: dict[str, str] = ENV) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "peers.eventhub", "--port", str(port), "--data", str(data), "--hub", "single:1"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EVENTHUB_")}
    return subprocess.Popen(
        command, cwd=ROOT, env=plain | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def running(data: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    with start(data, port) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("eventhub: listening on 127.0.0.1:"), line + (
            process.stderr.read() if process.stderr else ""
        )
        try:
            yield process, int(line.split(":")[2].split(",")[0])
        finally:
            process.kill()


def connection_string(port: int) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName={KEY.name};SharedAccessKey={KEY.key};"
        "UseDevelopmentEmulator=true;"
    )


async def reread(data: Path) -> list[list[str]]:
    """What a new server finds in the folder."""
    server = await listen(Options([HubSpec("single", 1)], KEY, data))
    found = stored(server)
    await server.close()
    return found


@breaks_connections
def test_what_was_acknowledged_survives_kill_9_and_is_there_once(tmp_path: Path) -> None:
    async def body() -> None:
        with running(tmp_path) as (process, port):
            async with producer(connection_string(port), retry_backoff_factor=0.05, retry_total=10) as client:
                for number in range(10):
                    await client.send_batch([EventData(f"{number}a"), EventData(f"{number}b")])
                process.kill()
                process.wait()
                with running(tmp_path, port):
                    await client.send_batch([EventData("after")])

    asyncio.run(body())
    assert asyncio.run(reread(tmp_path)) == [[f"{number}{half}" for number in range(10) for half in "ab"] + ["after"]]


@pytest.mark.slow
@breaks_connections
def test_killed_in_the_middle_of_sends_it_loses_nothing_and_doubles_at_most_the_batch_under_way(
    tmp_path: Path,
) -> None:
    async def send_all(client: Any, acknowledged: asyncio.Queue[int]) -> None:
        for number in range(300):
            await client.send_batch([EventData(f"{number}a"), EventData(f"{number}b")])
            acknowledged.put_nowait(number)

    async def body() -> None:
        acknowledged: asyncio.Queue[int] = asyncio.Queue()
        with running(tmp_path) as (process, port):
            async with producer(connection_string(port), retry_backoff_factor=0.05, retry_total=10) as client:
                sending = asyncio.create_task(send_all(client, acknowledged))
                while await acknowledged.get() < 100:
                    pass
                process.kill()
                process.wait()
                with running(tmp_path, port):
                    await sending

    asyncio.run(body())
    (found,) = asyncio.run(reread(tmp_path))
    batches = [first[:-1] for first, second in zip(found[::2], found[1::2], strict=True) if first[:-1] == second[:-1]]
    assert len(batches) == len(found) // 2
    assert list(dict.fromkeys(batches)) == [str(number) for number in range(300)]
    assert len(batches) <= 301


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_with_clients_connected(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)):
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_a_taken_port_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with start(tmp_path, port) as process:
            out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert not out
    assert f"Port {port}" in err
    assert len(err.splitlines()) == 1


def test_without_a_key_it_does_not_start_and_says_what_is_missing(tmp_path: Path) -> None:
    with start(tmp_path, env={"EVENTHUB_KEY_NAME": "policy"}) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.startswith("eventhub: EVENTHUB_KEY must be set.")


def test_the_command_line_says_what_is_served() -> None:
    given = options(["--data", "x", "--hub", "a:2", "--hub", "b:1:g1,g2", "--idle-timeout", "0", "--port", "0"], ENV)
    assert given.hubs == [HubSpec("a", 2), HubSpec("b", 1, ("$Default", "g1", "g2"))]
    assert (given.times.idle, given.port, given.key.key) == (0, 0, KEY.key)


@pytest.mark.parametrize("text", ["a", "a:0", "a:x", ":4", "a:4:b:c", "a/b:4", "../a:4", "$cbs:1", "a:9999"])
def test_a_hub_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        hub_spec(text)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", ""])
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(SettingsError, match="this machine only"):
        asyncio.run(listen(Options(HUBS, KEY, host=host)))


def test_a_data_folder_has_one_server(tmp_path: Path) -> None:
    async def body() -> None:
        first = await listen(Options(HUBS, KEY, tmp_path))
        with pytest.raises(SettingsError, match="in use"):
            await listen(Options(HUBS, KEY, tmp_path))
        await first.close()
        second = await listen(Options(HUBS, KEY, tmp_path))
        await second.close()

    asyncio.run(body())


def test_a_hub_that_shrank_is_refused_rather_than_hiding_events(tmp_path: Path) -> None:
    async def body() -> None:
        server = await listen(Options([HubSpec("single", 4)], KEY, tmp_path))
        seed(server, ["x"])
        await server.close()
        with pytest.raises(SettingsError, match="has 4 partitions"):
            await listen(Options([HubSpec("single", 2)], KEY, tmp_path))

    asyncio.run(body())


def test_a_data_folder_that_cannot_be_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SettingsError, match="cannot be used"):
        asyncio.run(listen(Options(HUBS, KEY, tmp_path / "file")))


def test_two_hubs_cannot_share_a_name() -> None:
    with pytest.raises(SettingsError, match="same name"):
        asyncio.run(listen(Options([HubSpec("hub"), HubSpec("Hub")], KEY)))


@pytest.mark.parametrize("argument", [["--port", "70000"], ["--idle-timeout", "-1"], ["--hub", "x"]])
def test_an_argument_that_makes_no_sense_is_named(argument: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options(["--data", "x", "--hub", "a:1", *argument], ENV)
    assert f"argument {argument[0]}" in capsys.readouterr().err
