"""Image classification without HTTP: `python -m bench.image [--torch PYTHON] [--rounds N]`.

What an image costs before the network, MobileNetV2 by batch and threads and in eight bits, and ResNet-152 with weights
drawn at random (speed does not depend on them) beside PyTorch, which needs an interpreter of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from bench.realtime import DATA, LABELS, NETWORK
from bench.reference import resnet
from shared.image_classification.classifier import Classifier
from shared.image_classification.decode import decode
from shared.image_classification.preprocessing import Preprocessing
from shared.image_classification.quantize import compared, quantized
from shared.image_classification.resnet import to_onnx

PAUSE = 0.2
PHOTOS = ("kitten_224.png", "cat_720p.jpg", "grace_hopper.bmp", "hot_dog.jpg", "parrot.jpg")
LARGE = (5760, 4320)  # of a photograph of 25 megapixels
BATCHES, THREADS = (1, 2, 4, 8, 16), (1, 2)
ALTERNATIONS = 3
console = Console()


class Taken(NamedTuple):
    """Seconds by the clock, and of processor time: that of one thread tells the same on a busy machine."""

    clock: float
    processor: float


def in_turns(calls: Sequence[Callable[[], object]], rounds: int) -> list[Taken]:
    """Medians of each, warm, one after the other with a pause between."""
    for call in calls:
        call()
    taken: list[list[Taken]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, seconds in zip(calls, taken, strict=True):
            time.sleep(PAUSE)
            clock, processor = time.perf_counter(), time.process_time()
            call()
            seconds.append(Taken(time.perf_counter() - clock, time.process_time() - processor))
    return list(map(middle, taken))


def middle(taken: Sequence[Taken]) -> Taken:
    """The medians."""
    return Taken(median(one.clock for one in taken), median(one.processor for one in taken))


def large() -> bytes:
    """A photograph of LARGE pixels, as JPEG."""
    sink = BytesIO()
    decode((DATA / "cat_720p.jpg").read_bytes(), 10**8).resize(LARGE, Image.Resampling.BICUBIC).save(sink, "JPEG")
    return sink.getvalue()


def before_the_network(rounds: int) -> None:
    """Decoding and preparing the photographs; and what JPEG's decoding at an eighth to a half would gain and change."""
    asked = Preprocessing()
    files = {name: (DATA / name).read_bytes() for name in PHOTOS} | {"of 25 megapixels": large()}
    table = Table("image", "pixels", "decode ms", "prepare ms", "reduced ms", "changes by: mean, most")
    for name, data in files.items():
        image = decode(data, 10**8)
        calls: list[Callable[[], object]] = [
            partial(decode, data, 10**8),
            partial(asked.prepare, image),
            partial(reduced, data, asked),
        ]
        times = in_turns(calls, rounds)
        change = np.abs(np.asarray(reduced(data, asked), int) - np.asarray(asked.cut(image), int))
        shown = (f"{1000 * taken.clock:.1f}" for taken in times)
        table.add_row(name, f"{image.width}x{image.height}", *shown, f"{change.mean():.2f}, {change.max()}")
    console.print(table)
    console.print(f"Peak memory of decoding 25 megapixels: {peak(large()) / (3 * LARGE[0] * LARGE[1]):.1f} times RGB.")


def reduced(data: bytes, asked: Preprocessing) -> Image.Image:
    """The part that a network sees, of a JPEG decoded at half, a quarter or an eighth, yet four times as large."""
    with Image.open(BytesIO(data)) as image:
        side = 4 * asked.resize / min(image.size)
        image.draft("RGB", (int(image.width * side), int(image.height * side)))
        return asked.cut(image.convert("RGB"))


def peak(data: bytes) -> int:
    """Bytes that decoding takes at most, in a process of its own."""
    code = (
        "import re, sys; from pathlib import Path; from shared.image_classification.decode import decode;"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]);"
        "data = sys.stdin.buffer.read(); before = peak(); decode(data, 10**8); print((peak() - before) * 1024)"
    )
    return int(subprocess.run([sys.executable, "-c", code], input=data, check=True, capture_output=True).stdout)


def by_batch_and_threads(network: bytes, rounds: int) -> None:
    """A network's time for an image; "as published": eight-bit weights widened in every call."""
    table = Table("MobileNetV2, ms an image", *(f"{size} at once" for size in BATCHES))
    batches = [np.zeros((size, 3, 224, 224), np.float32) for size in BATCHES]
    opened: dict[str, Callable[[np.ndarray], object]]
    opened = {f"{threads} thread{'s' * (threads > 1)}": _opened(network, threads).classify for threads in THREADS}
    opened["1 thread, as published"] = _as_published(network)
    for name, classify in opened.items():
        times = in_turns([partial(classify, batch) for batch in batches], rounds)
        table.add_row(
            name, *(f"{1000 * took.clock / len(batch):.1f}" for took, batch in zip(times, batches, strict=True))
        )
    console.print(table)


def _opened(network: bytes, threads: int) -> Classifier:
    return Classifier.open(network, LABELS, Preprocessing(), softmax=True, threads=threads)


def _as_published(network: bytes) -> Callable[[np.ndarray], object]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"input": batch})


def eight_bits(network: bytes) -> None:
    """MobileNetV2 in eight bits: half of many cuttings of the photographs set the ranges, half are compared."""
    inputs = list(cuttings(Preprocessing()))
    held = _opened(network, 1)
    copy = _opened(quantized(network, held.input.name, inputs[::2]), 1)
    found = compared(held, copy, inputs[1::2], [""] * len(inputs[1::2]))
    console.print(
        f"MobileNetV2 in eight bits: {found.seconds / found.copy_seconds:.2f} times as fast, {found.same_label:.0%} of "
        f"{found.images} cuttings keep their best label."
    )


def cuttings(asked: Preprocessing) -> Iterator[np.ndarray]:
    """Inputs of twelve parts of each photograph, of half its shorter side to all of it."""
    random = np.random.default_rng(0)
    for name in PHOTOS:
        image = decode((DATA / name).read_bytes(), 10**8)
        for _ in range(12):
            side = int(min(image.size) * random.uniform(0.5, 1))
            left, top = (int(random.integers(0, length - side + 1)) for length in image.size)
            yield asked.prepare(image.crop((left, top, left + side, top + side)))


def resnet152(torch: Path | None, rounds: int) -> None:
    """ONNX Runtime, its eight bits, and PyTorch, in turns."""
    given = resnet.weights()
    image = np.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype(np.float32)
    network = to_onnx(given)
    copy = quantized(network, "image", [image[0]] * 4)
    with tempfile.TemporaryDirectory(prefix="tally-bench-") as folder:
        np.savez(Path(folder) / "weights.npz", allow_pickle=False, **given)
        np.save(Path(folder) / "image.npy", image)
        for threads in THREADS:
            plain, small = (_opened(data, threads) for data in (network, copy))
            taken: dict[str, list[Taken]] = {"ONNX Runtime": [], "ONNX Runtime, eight bits": []}
            theirs: list[Taken] = []
            for _ in range(ALTERNATIONS):
                ours = in_turns([partial(one.classify, image) for one in (plain, small)], rounds)
                for seconds, one in zip(taken.values(), ours, strict=True):
                    seconds.append(one)
                if torch:
                    theirs.append(_torch(torch, Path(folder), rounds, threads, plain.classify(image)[0]))
            _show(threads, taken, theirs)


def _show(threads: int, taken: dict[str, list[Taken]], theirs: list[Taken]) -> None:
    table = Table(f"ResNet-152, threads: {threads}", "ms an image", "of processor", "times PyTorch", "by processor")
    for name, seconds in (({"PyTorch": theirs} if theirs else {}) | taken).items():
        clock, processor = middle(seconds)
        shares = (f"{base / one:.2f}" for base, one in zip(middle(theirs), (clock, processor), strict=True))
        table.add_row(name, f"{1000 * clock:.0f}", f"{1000 * processor:.0f}", *(shares if theirs else ()))
    console.print(table)


def _torch(python: Path, folder: Path, rounds: int, threads: int, expected: np.ndarray) -> Taken:
    """PyTorch's medians; its probabilities have to be ours."""
    script = Path(resnet.__file__).with_name("resnet_torch.py")
    line = [str(python), str(script), *(str(folder / name) for name in ("weights.npz", "image.npy"))]
    told = json.loads(subprocess.run([*line, str(rounds), str(threads)], check=True, capture_output=True).stdout)
    powers = np.exp(np.array(told["scores"]) - max(told["scores"]))
    np.testing.assert_allclose(powers / powers.sum(), expected, rtol=1e-2, atol=1e-5)
    return middle([Taken(*one) for one in told["seconds"]])


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.image", description=__doc__)
    parser.add_argument("--torch", type=Path, metavar="PYTHON", help="an interpreter with torch and numpy")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if NETWORK.exists():
        before_the_network(given.rounds)
        by_batch_and_threads(NETWORK.read_bytes(), given.rounds)
        eight_bits(NETWORK.read_bytes())
    resnet152(given.torch, given.rounds)


if __name__ == "__main__":
    main()
