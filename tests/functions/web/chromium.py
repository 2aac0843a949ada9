"""Debian's Chromium, without a window, driven over its own DevTools protocol; tests skip where it is not installed."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

PROGRAM = shutil.which("chromium")
installed = pytest.mark.skipif(PROGRAM is None, reason="Chromium is not on this machine: apt-get install chromium.")
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run")


class Page:
    """An open page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, count(1)

    async def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol; its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(60):
            while (answer := await self._socket.receive_json()).get("id") != number:
                pass
        assert "error" not in answer, answer
        return answer["result"]

    async def go(self, url: str) -> None:
        """Open an address, and wait until all of it is there."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState == 'complete' && location.href != 'about:blank'")

    async def evaluate(self, script: str) -> Any:
        """The value of JavaScript; a promise's once it is kept."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait for JavaScript to be true."""
        async with asyncio.timeout(60):
            while not await self.evaluate(script):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def _port(folder: Path) -> str:
    file = folder / "DevToolsActivePort"
    return file.read_text().partition("\n")[0] if file.exists() else ""


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Page]:
    """A browser with an empty page, its profile in the folder."""
    assert PROGRAM
    command = [PROGRAM, *_OPTIONS, f"--user-data-dir={folder}", "about:blank"]
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **nowhere) as browser:  # noqa: ASYNC220
        try:
            async with asyncio.timeout(60), aiohttp.ClientSession() as session:
                while not (port := _port(folder)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    page = next(one for one in await answer.json() if one["type"] == "page")
                async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            browser.terminate()
