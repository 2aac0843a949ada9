"""The page of the API can be read, by day, by night and on a phone, and its lines for a shell run."""

import html
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from functions.web.docs_page import DARK, LIGHT
from tests.functions.web import chromium
from tests.functions.web.inference.app import App, running

NOT_THERE = ("/api/runs", "/versions/0")
"""What these lines name has to be made first: a video, a run, a version."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


def luminance(colour: tuple[float, ...]) -> float:
    linear = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour)
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """WCAG 2.2's "contrast ratio" of two colours, red, green and blue from 0 to 1."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def rgb(text: str) -> tuple[float, ...]:
    return tuple(int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_colour_of_text_stands_out(colours: dict[str, str]) -> None:
    pairs = product(("text", "muted", "link", "key"), ("back", "pane"))
    assert all(contrast(rgb(colours[text]), rgb(colours[back])) >= 4.5 for text, back in pairs)


def test_every_line_for_a_shell_runs_as_it_stands(app: App) -> None:
    if not shutil.which("curl"):
        pytest.skip("There is no curl on this machine.")
    text = app.send("GET", "/api/docs").body.decode()
    lines = [html.unescape(line) for line in re.findall("<pre>(curl .*?)</pre>", text)]
    assert len(lines) == text.count("<h2 id=") - text.split("<h1>Types</h1>")[1].count("<h2 id=")
    places = os.environ | {"TALLY": f"http://127.0.0.1:{app.port}", "TALLY_KEY": app.keys.default}
    script = "\n".join(f"{line} -o /dev/null -w '%{{http_code}}\\n'" for line in lines)
    said = subprocess.run(["bash", "-c", script], env=places, check=True, capture_output=True, text=True).stdout
    for line, status in zip(lines, said.split(), strict=True):
        missing = status == "404" and any(name in line for name in NOT_THERE)
        assert status in ("200", "201") or missing, f"{status}: {line}"


TEXTS = """
  const clear = e => getComputedStyle(e).backgroundColor == "rgba(0, 0, 0, 0)";
  const behind = e => clear(e) && e.parentElement ? behind(e.parentElement) : getComputedStyle(e).backgroundColor;
  [...document.querySelectorAll("body *")]
    .filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()))
    .map(e => [getComputedStyle(e).color, behind(e)])
"""
LOST = (
    """[...document.querySelectorAll('a[href^="#"]')].filter(a => !document.getElementById(a.hash.slice(1))).length"""
)


@pytest.mark.slow
@pytest.mark.anyio
@chromium.installed
async def test_a_browser_shows_it_by_day_by_night_and_on_a_phone(app: App, tmp_path: Path) -> None:
    async with chromium.opened(tmp_path) as page:
        await page.go(f"http://127.0.0.1:{app.port}/api/docs")
        for scheme in ("light", "dark"):
            await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            pairs = {(text, back) for text, back in await page.evaluate(f"{{{TEXTS}}}")}
            assert len(pairs) >= 4
            for pair in pairs:
                text, back = (tuple(int(value) / 255 for value in re.findall(r"\d+", one)[:3]) for one in pair)
                assert contrast(text, back) >= 4.5, f"{scheme}: {pair}"
        await page.call("Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=2, mobile=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        assert await page.evaluate(LOST) == 0
        await page.evaluate("document.querySelector('nav a[href=\"#score_faq\"]').click()")
        assert await page.evaluate("Math.abs(document.getElementById('score_faq').getBoundingClientRect().top)") < 100
