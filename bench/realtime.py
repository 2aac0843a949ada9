"""Real-time scoring over HTTP: `python -m bench.realtime [--peers PYTHON] [--requests N]`.

The app runs on the local host, in processes of its own, and is asked by 1, 8 and 64 clients; in turns with that, the
models are called here, without HTTP. "image" is beside the whole way from a file to its labels, "image; network"
beside the network on prepared images. Given the interpreter of an environment with mlserver, bentoml, onnxruntime and
pillow, both serve the same ONNX file to the same clients afterwards.
"""

import argparse
import asyncio
import base64
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from rich.console import Console
from rich.table import Column, Table

from bench._clients import COUNTS, Load, Target, ask
from devhost.sandbox import ROOT, running, sandbox_settings, wait_for
from shared.faq_matching import bundle as faqs
from shared.image_classification.bundle import registry
from shared.image_classification.classifier import Classifier
from shared.image_classification.model import ImageClassification
from shared.image_classification.preprocessing import Preprocessing
from shared.image_classification.service import Images
from shared.models import serve
from shared.settings import Settings
from shared.storage import MemoryStorage, Storage

DATA = ROOT.parent / "shared" / "data" / "images"
NETWORK = DATA / "models" / "mobilenet_v2_1.0_224_u8w_torchvision.onnx"
PHOTO = DATA / "kitten_224.png"
LABELS = tuple(str(number) for number in range(1000))
QUESTION = "How do I run all of it on my own laptop?"
MLSERVER, BENTOML = 18080, 18090
PAUSE, TURNS, BATCH = 0.5, 3, 8
SETTINGS = (("SCORING_THREADS", "1"), ("BATCH_SIZE", "1"), ("BATCH_WAIT_MS", "0"))
"""Each tried alone, beside the defaults."""
console = Console(width=110)


@dataclass(frozen=True, slots=True)
class Measured:
    """A target under load, by the number of clients; beside it, the seconds that the model alone takes for an item."""

    name: str
    loads: tuple[Load, ...]
    alone: float = 0


def measure(target: Target, requests: int, alone: Callable[[], float] = lambda: 0) -> Measured:
    """Warm up, then every count of clients in turns with the model alone, with a pause before each; medians."""
    ask(target, 8, 50)
    loads, seconds = [], []
    for clients in COUNTS:
        turns = []
        for _ in range(TURNS):
            time.sleep(PAUSE)
            seconds.append(alone())
            turns.append(ask(target, clients, requests // TURNS))
        loads.append(sorted(turns, key=lambda load: load.rate)[TURNS // 2])
    return Measured(target.name, tuple(loads), median(seconds))


def seconds_of(call: Callable[[], object], items: int, repeats: int) -> float:
    """Seconds for an item, warm."""
    call()
    begun = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begun) / repeats / items


def network_alone() -> Callable[[], float]:
    """Seconds of the network for one prepared image, in the batches that 8 clients can fill."""
    import numpy as np

    classifier = Classifier.open(NETWORK.read_bytes(), LABELS, Preprocessing(), softmax=True)
    batch = np.stack([classifier.prepare(PHOTO.read_bytes(), 10**7)] * BATCH)
    return lambda: seconds_of(lambda: classifier.classify(batch), BATCH, 10)


def classifier_alone() -> Callable[[], float]:
    """Seconds from an image's file to its labels, for 8 who ask in this process what the route asks."""
    storage = MemoryStorage()
    serve_network(storage)
    images, data = Images(serve(ImageClassification, Settings(), storage)), PHOTO.read_bytes()

    async def asked(left: Iterator[int]) -> None:
        for _ in left:
            await images.answer(data)

    async def all_asked(items: int) -> None:
        left = iter(range(items))
        await asyncio.gather(*(asked(left) for _ in range(BATCH)))

    return lambda: seconds_of(lambda: asyncio.run(all_asked(10 * BATCH)), 10 * BATCH, 1)


def matcher_alone() -> Callable[[], float]:
    """Seconds of the matcher for one question."""
    matcher = faqs.read(None).matcher
    return lambda: seconds_of(lambda: matcher.match([QUESTION], 3), 1, 500)


@contextmanager
def app(**more: str) -> Iterator[str]:
    """The app on the local host with more settings, serving the network; its address."""
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as folder:
        settings = sandbox_settings(Path(folder)) | {"DEVHOST_AUTH": "off"} | more
        with running(settings, Path(folder)):
            serve_network(Storage.from_settings(Settings.from_env(settings)))
            yield f"http://127.0.0.1:{settings['HOST_PORT']}"


def serve_network(storage: Storage) -> None:
    """Make the network the current one."""
    bundles = registry(storage.control("bundles"))
    facts = {"labels": LABELS, "preprocessing": Preprocessing(), "softmax": True, "source": {}, "metrics": {}}
    bundles.make_current(bundles.write(NETWORK.read_bytes(), **facts))


def ours(requests: int) -> list[Measured]:
    """The app's routes; then what other settings than the defaults do to the second."""
    question = json.dumps({"question": QUESTION}).encode()
    with app() as address:
        asked = Target("FAQ", f"{address}/api/score/faq", question, {"content-type": "application/json"})
        measured = [
            measure(asked, 5 * requests, matcher_alone()),
            measure(image_target("image", address), requests, classifier_alone()),
            measure(image_target("image; network", address), requests, network_alone()),
        ]
    for setting, value in SETTINGS:
        with app(**{setting: value}) as address:
            measured.append(measure(image_target(f"{setting}={value}", address), requests))
    return measured


def image_target(name: str, address: str) -> Target:
    """An image sent as it is."""
    return Target(name, f"{address}/api/score/image", PHOTO.read_bytes(), {"content-type": "image/png"})


@contextmanager
def served(command: list[str], folder: Path, ready: str) -> Iterator[None]:
    """A peer until the block ends."""
    reference = ROOT / "bench" / "reference"
    env = os.environ | {"MODEL": str(NETWORK), "PYTHONPATH": str(reference), "BENTOML_DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        peer = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: _answers(ready), f"{command[0]} did not start")
        yield
    finally:
        os.killpg(peer.pid, signal.SIGTERM)
        peer.wait()


def mlserver(scripts: Path, requests: int) -> Measured:
    """MLServer with the same file, as a custom runtime with adaptive batching."""
    ports = {"http_port": MLSERVER, "grpc_port": MLSERVER + 1, "metrics_port": MLSERVER + 2, "parallel_workers": 0}
    runtime = {"name": "image", "implementation": "mlserver_onnx.Classifier"}
    batching = {"max_batch_size": 16, "max_batch_time": 0.002}
    data = [base64.b64encode(PHOTO.read_bytes()).decode()]
    body = json.dumps({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": data}]}).encode()
    place = f"http://127.0.0.1:{MLSERVER}/v2/models/image"
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as folder:
        for name, settings in (("settings", ports), ("model-settings", runtime | batching)):
            (Path(folder) / f"{name}.json").write_text(json.dumps(settings))
        with served([str(scripts / "mlserver"), "start", "."], Path(folder), f"{place}/ready"):
            return measure(Target("MLServer", f"{place}/infer", body, {"content-type": "application/json"}), requests)


def bentoml(scripts: Path, requests: int) -> Measured:
    """BentoML with the same file, as a service."""
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body, kind = part + PHOTO.read_bytes() + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"
    place = f"http://127.0.0.1:{BENTOML}"
    line = [str(scripts / "bentoml"), "serve", "bentoml_onnx:Classifier", "--port", str(BENTOML)]
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as folder:
        reference = ["--working-dir", str(ROOT / "bench" / "reference")]
        with served([*line, *reference], Path(folder), f"{place}/readyz"):
            return measure(Target("BentoML", f"{place}/classify", body, {"content-type": kind}), requests)


def show(measured: list[Measured]) -> None:
    """A table: a row per target and count of clients."""
    table = Table(Column(no_wrap=True), "clients", "requests/s", "of the model alone", "p50 ms", "p95 ms", "p99 ms")
    for target in measured:
        for load in target.loads:
            share = f"{load.rate * target.alone:.0%}" if target.alone else ""
            latency = (f"{value:.2f}" for value in (load.p50, load.p95, load.p99))
            table.add_row(target.name, str(load.clients), f"{load.rate:,.0f}", share, *latency)
    console.print(table)
    matcher, classifier, network = (1000 * target.alone for target in measured[:3])
    console.print(
        f"Alone, ms for each: the matcher {matcher:.2f}; image to labels {classifier:.2f}; the network {network:.2f}."
    )
    console.print(f"A question over HTTP takes {measured[0].loads[0].p50 - matcher:.2f} ms more (p50).")


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.realtime", description=__doc__)
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="an interpreter with mlserver and bentoml")
    parser.add_argument("--requests", type=int, default=400, help="images in all for each count of clients")
    given = parser.parse_args()
    if not NETWORK.exists():
        console.print(f"There is no {NETWORK}: nothing to serve.")
        return
    measured = ours(given.requests)
    if given.peers:
        measured += [peer(given.peers.parent, given.requests) for peer in (mlserver, bentoml)]
    show(measured)


def _answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
