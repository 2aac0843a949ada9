"""Image classification without HTTP: `python -m bench.image [--torch PYTHON] [--rounds N]`.

What an image costs before the network, the networks by batch and threads, eight bits, and ResNet-152 with generated
weights (speed does not depend on them) beside PyTorch, which needs an interpreter of its own.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.realtime import DATA, LABELS, NETWORK
from bench.reference import resnet
from shared.models.image.classifier import Classifier
from shared.models.image.decode import decode
from shared.models.image.preprocessing import Preprocessing
from shared.models.image.quantize import quantized

PAUSE = 0.2
PHOTOS = ("kitten_224.png", "cat_720p.jpg", "grace_hopper.bmp", "hot_dog.jpg", "parrot.jpg")
console = Console()


def in_turns(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each, warm, one after the other with a pause between."""
    for call in calls:
        call()
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, seconds in zip(calls, taken, strict=True):
            time.sleep(PAUSE)
            begun = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begun)
    return list(map(median, taken))


def before_the_network(rounds: int) -> None:
    """Decoding and preparing the photographs."""
    asked = Preprocessing()
    table = Table("image", "pixels", "decode ms", "prepare ms")
    for name in PHOTOS:
        data = (DATA / name).read_bytes()
        image = decode(data, 10**8)
        times = in_turns([partial(decode, data, 10**8), partial(asked.prepare, image)], rounds)
        table.add_row(name, f"{image.width}x{image.height}", *(f"{1000 * seconds:.1f}" for seconds in times))
    console.print(table)


def by_batch_and_threads(network: bytes, rounds: int) -> None:
    """A network's time for an image."""
    table = Table("MobileNetV2, ms an image", "1 at once", "4", "16")
    for threads in (1, 2):
        classifier = Classifier.open(network, LABELS, Preprocessing(), softmax=True, threads=threads)
        batches = [np.zeros((size, 3, 224, 224), np.float32) for size in (1, 4, 16)]
        times = in_turns([partial(classifier.classify, batch) for batch in batches], rounds)
        shown = (f"{1000 * seconds / len(batch):.1f}" for seconds, batch in zip(times, batches, strict=True))
        table.add_row(f"{threads} thread{'s' * (threads > 1)}", *shown)
    console.print(table)


def resnet152(torch: Path | None, rounds: int) -> None:
    """ONNX Runtime, its eight bits, and PyTorch."""
    given = resnet.weights()
    network = resnet.to_onnx(given)
    image = np.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype(np.float32)
    both = (network, quantized(network, "image", [image[0]] * 4))
    plain, small = (Classifier.open(data, LABELS, Preprocessing(), softmax=False) for data in both)
    seconds = in_turns([partial(one.classify, image) for one in (plain, small)], rounds)
    table = Table("ResNet-152", "ms an image", "times PyTorch")
    times = dict(zip(("ONNX Runtime", "ONNX Runtime, int8"), seconds, strict=True))
    if torch:
        told = _torch(torch, given, image, rounds)
        np.testing.assert_allclose(told["scores"], plain.classify(image)[0], rtol=1e-2, atol=1e-2)
        times = {"PyTorch": median(told["seconds"])} | times
    for name, took in times.items():
        table.add_row(name, f"{1000 * took:.0f}", f"{times['PyTorch'] / took:.2f}" if torch else "")
    console.print(table)


def _torch(python: Path, given: dict[str, np.ndarray], image: np.ndarray, rounds: int) -> dict[str, list[float]]:
    layers = list(resnet.layers())
    more = {"names": np.array([layer[0] for layer in layers]), "strides": np.array([layer[4] for layer in layers])}
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as folder:
        arrays: dict[str, Any] = given | more
        np.savez(Path(folder) / "weights.npz", **arrays)
        np.save(Path(folder) / "image.npy", image)
        script = Path(resnet.__file__).with_name("resnet_torch.py")
        line = [str(python), str(script), f"{folder}/weights.npz", f"{folder}/image.npy", str(rounds)]
        told: dict[str, list[float]] = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)
    return told


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.image", description=__doc__)
    parser.add_argument("--torch", type=Path, metavar="PYTHON", help="an interpreter with torch and numpy")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if NETWORK.exists():
        before_the_network(given.rounds)
        by_batch_and_threads(NETWORK.read_bytes(), given.rounds)
    resnet152(given.torch, given.rounds)


if __name__ == "__main__":
    main()
