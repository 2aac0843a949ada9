"""A proxy that is set for the world outside is none for this machine: emulators, the host and tasks stay reachable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.loopback import ADDRESSES, spare_loopback
from tests.azurite import Azurite

ROOT = Path(__file__).parents[1]
DEAD = "http://127.0.0.1:9"
CODE = """
import asyncio, os, threading, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
import aiohttp, requests
from azure.core import PipelineClient
from azure.core.rest import HttpRequest
from devhost.connections import blob_service, queue_service
from shared.settings import Settings
from shared.storage import Storage

class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Hello)
threading.Thread(target=server.serve_forever, daemon=True).start()
for host in ("127.0.0.1", "localhost"):
    url = f"http://{host}:{server.server_port}/"
    assert urllib.request.urlopen(url, timeout=5).status == 200
    assert requests.get(url, timeout=5).status_code == 200
    assert PipelineClient(url, policies=[]).send_request(HttpRequest("GET", url)).status_code == 200

storage = Storage.from_settings(Settings.from_env(), connect_retries=0)
storage.control("proxied").put("a", b"b")
storage.queue("proxied").send("text")

async def from_the_host():
    async with aiohttp.ClientSession(trust_env=True) as session, session.get(url) as answer:
        assert answer.status == 200
    async with blob_service(os.environ, "ControlStorage") as blobs:
        assert [item.name async for item in blobs.get_container_client("proxied").list_blobs()] == ["a"]
    async with queue_service(os.environ, "ControlStorage") as queues:
        assert (await queues.get_queue_client("proxied").receive_message()).content == "text"

asyncio.run(from_the_host())
proxies = urllib.request.getproxies()
assert requests.utils.should_bypass_proxies("https://pypi.org/", None) is False
assert requests.utils.should_bypass_proxies("https://corp.example/", None) is True
"""


@pytest.mark.parametrize("spell", [str.upper, str.lower], ids=["HTTP_PROXY", "http_proxy"])
def test_every_client_reaches_this_machine_past_a_dead_proxy_and_uses_it_for_the_rest(spell, azurite: Azurite) -> None:  # type: ignore[no-untyped-def]
    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    proxies = {spell(name): DEAD for name in ("http_proxy", "https_proxy", "all_proxy")}
    env = plain | azurite.settings | proxies | {spell("no_proxy"): "corp.example"}
    done = subprocess.run([sys.executable, "-c", CODE], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("env", "kept"),
    [
        ({}, []),
        ({"NO_PROXY": "corp, .internal"}, ["corp", ".internal"]),
        ({"no_proxy": "corp"}, ["corp"]),
        ({"NO_PROXY": "localhost"}, ["localhost"]),
    ],
)
def test_what_the_user_spares_stays_and_stands_in_both_spellings(env: dict[str, str], kept: list[str]) -> None:
    spare_loopback(env)
    assert env["NO_PROXY"] == env["no_proxy"]
    names = env["no_proxy"].split(",")
    assert names[: len(kept)] == kept
    assert set(names) == {*kept, *ADDRESSES}
    before = dict(env)
    spare_loopback(env)
    assert env == before


def test_two_spellings_that_differ_stay_as_they_are_and_a_star_spares_all() -> None:
    env = {"no_proxy": "a", "NO_PROXY": "*"}
    spare_loopback(env)
    assert env == {"no_proxy": f"a,{','.join(ADDRESSES)}", "NO_PROXY": "*"}
