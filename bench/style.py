"""Style transfer against the reference's way: `python -m bench.style [--torch PYTHON] [--clip VIDEO] [--frames N]`.

Both ways style the same frames with the same network (random weights: speed does not depend on them), one after the
other, warm and with a pause between. The reference's way needs an interpreter that has torch, numpy and pillow. Seconds
of CPU tell the ways apart where other programs take turns on the machine.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
from rich.console import Console
from rich.table import Table

from scoring_images.style_training.export import to_onnx
from scoring_images.style_transfer.encode import Encoding
from scoring_images.style_transfer.groups import MAX_FRAMES, Group, groups, segment
from scoring_images.style_transfer.network import Network
from scoring_images.style_transfer.video import probe

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared" / "data" / "video" / "intel_car-detection.mp4"
WIDTHS = {16: 3, 32: 5}
"""Width and residual blocks: the styles that ship, and the network of Johnson et al. 2016."""
PAUSE = 0.5
console = Console()


@dataclass(frozen=True, slots=True)
class Took:
    """What a way took for all frames, without imports: seconds, seconds of CPU, and the seconds of its stages."""

    whole: float
    cpu: float
    stages: Mapping[str, float] = field(default_factory=dict)

    @property
    def outside(self) -> float:
        """The share of time that did not go into the network."""
        return 1 - self.stages["network"] / sum(self.stages.values()) if self.stages else nan


def random_weights(width: int, blocks: int) -> dict[str, np.ndarray]:
    """Weights of a network, named as `style_training.network.Transformer` names them."""
    random, w = np.random.default_rng(1), width
    convolutions = {
        **{"into": (w, 3, 9), "down1": (2 * w, w, 3), "down2": (4 * w, 2 * w, 3)},
        **{f"blocks.{n}.{part}": (4 * w, 4 * w, 3) for n in range(blocks) for part in ("first", "second")},
        **{"up1": (2 * w, 4 * w, 3), "up2": (w, 2 * w, 3), "out": (3, w, 9)},
    }
    weights = {}
    for name, (outputs, inputs, side) in convolutions.items():
        scale = 1 / np.sqrt(inputs * side * side)
        weights[f"{name}.weight"] = random.normal(0, scale, (outputs, inputs, side, side)).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(outputs, np.float32)
        if name != "out":
            weights[f"{name}_norm.weight"] = np.ones(outputs, np.float32)
            weights[f"{name}_norm.bias"] = np.zeros(outputs, np.float32)
    return weights


def multiplications(weights: dict[str, np.ndarray]) -> float:
    """Multiplications and additions per pixel of the input, as the network is drawn."""
    sizes = {"into": 1, "down1": 1 / 4, "up1": 1 / 4, "up2": 1, "out": 1}
    kernels = {name.removesuffix(".weight"): value for name, value in weights.items() if value.ndim == 4}
    return sum(value.size * sizes.get(name, 1 / 16) for name, value in kernels.items())


@dataclass(frozen=True, slots=True)
class Bench:
    """A clip cut to some frames, in a folder of its own."""

    folder: Path
    clip: Path
    frames: int
    torch: str

    def ours(self, width: int, *, threads: int, segments: int = 1) -> Took:
        """All frames by so many processes at once."""
        line = [sys.executable, "-m", "bench.style", "--segment", str(self.clip), str(self._onnx(width)), str(segments)]
        jobs = [
            subprocess.Popen(
                [*line, str(number)], env=os.environ | {"TASK_THREADS": str(threads)}, cwd=ROOT, stdout=subprocess.PIPE
            )
            for number in range(segments)
        ]
        told = [json.loads(job.communicate()[0]) for job in jobs]
        stages = {name: sum(part["seconds"].get(name, 0) for part in told) for name in told[0]["seconds"]}
        return Took(max(part["whole"] for part in told), sum(part["cpu"] for part in told), stages)

    def reference(self, width: int) -> Took:
        """The reference's way: JPEG files out, one PyTorch process over them, JPEG files in again."""
        frames, styled = (self.folder / f"{kind}{width}" for kind in ("frames", "styled"))
        for place in (frames, styled):
            place.mkdir(exist_ok=True)
        weights: dict[str, Any] = random_weights(width, WIDTHS[width])
        np.savez(self.folder / "weights.npz", **weights)
        out = _ffmpeg(ffmpeg.input(str(self.clip)).output(str(frames / "%05d_video.jpg")))
        script = Path(__file__).parent / "reference" / "style_frames.py"
        line = [self.torch, str(script), str(self.folder / "weights.npz"), str(frames), str(styled)]
        told = subprocess.run(line, check=True, capture_output=True, text=True).stdout
        whole, cpu = map(float, told.split())
        joined = ffmpeg.input(str(styled / "%05d_video.jpg"), framerate=30)
        back = _ffmpeg(joined.output(str(self.folder / "joined.mp4"), pix_fmt="yuv420p"))
        steps = out, Took(whole, cpu), back
        return Took(sum(step.whole for step in steps), sum(step.cpu for step in steps))

    def _onnx(self, width: int) -> Path:
        path = self.folder / f"{width}.onnx"
        path.write_bytes(to_onnx(random_weights(width, WIDTHS[width])))
        return path


def _ffmpeg(stream: Any) -> Took:
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    stream.overwrite_output().run(cmd=[imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin"], quiet=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - begun, cpu)


def style_segment(clip: Path, model: Path, segments: int, number: int) -> None:
    """One worker: styles its segment of the clip, and prints how long that took."""
    from io import BytesIO

    from scoring_images.style_transfer.stylize import Styling

    network = Network.open(model.read_bytes(), memory_bytes=10**9, threads=int(os.environ["TASK_THREADS"]))
    with clip.open("rb") as film:
        video = probe(film)
        mine = segment(groups(len(video.timestamps)), number, segments)
        begun, used = time.perf_counter(), time.process_time()
        report = Styling(network, video, Encoding()).encode(film, mine, BytesIO())
    whole, cpu = time.perf_counter() - begun, time.process_time() - used
    print(json.dumps({"whole": whole, "cpu": cpu, "seconds": report.seconds}))


def peak(frames: int, folder: Path) -> int:
    """Peak memory, in MiB, of styling so many frames of 3840x2160 that are encoded as one group, as a task does."""
    model, clip = folder / "peak.onnx", folder / f"peak{frames}.mp4"
    model.write_bytes(to_onnx(random_weights(8, blocks=1)))  # small, because the settings bound the memory of any
    card = ffmpeg.input(f"testsrc2=size=3840x2160:rate=2:duration={frames / 2}", f="lavfi")
    _ffmpeg(card.output(str(clip), vcodec="libx264", preset="ultrafast", pix_fmt="yuv420p"))
    code = (
        "import resource, sys; from pathlib import Path; from bench.style import style_4k;"
        "style_4k(*map(Path, sys.argv[1:]));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    line = [sys.executable, "-c", code, str(clip), str(model)]
    return int(subprocess.run(line, check=True, capture_output=True, text=True, cwd=ROOT).stdout)


def style_4k(clip: Path, model: Path) -> None:
    """Style a clip with the memory that the settings allow."""
    from io import BytesIO

    from scoring_images.style_transfer.stylize import Styling, open_network
    from shared.settings import Settings

    network = open_network(model.read_bytes(), Settings())
    with clip.open("rb") as film:
        video = probe(film)
        Styling(network, video, Encoding()).encode(film, [Group(0, len(video.timestamps))], BytesIO())


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default="", metavar="PYTHON", help="interpreter with torch; without, no baseline")
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--segment", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.segment:
        clip, model, segments, number = given.segment
        style_segment(Path(clip), Path(model), int(segments), int(number))
        return
    with TemporaryDirectory() as place:
        folder = Path(place)
        cut = folder / "clip.mp4"
        _ffmpeg(ffmpeg.input(str(given.clip)).filter("scale", 640, 360).output(str(cut), vframes=given.frames, an=None))
        bench = Bench(folder, cut, given.frames, given.torch)
        for width in WIDTHS:
            _speed(bench, width, given.rounds)
        _memory(folder)


def _speed(bench: Bench, width: int, rounds: int) -> None:
    ways: dict[str, Callable[[], Took]] = {
        "Tally, all cores": lambda: bench.ours(width, threads=0),
        "Tally, one worker of one thread": lambda: bench.ours(width, threads=1),
        "Tally, two workers of one thread": lambda: bench.ours(width, threads=1, segments=2),
    }
    if bench.torch:
        ways["JPEG files and PyTorch, all cores"] = lambda: bench.reference(width)
    taken: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
            time.sleep(PAUSE)
    console.print(_table(taken, bench.frames, f"640x360, width {width}, {WIDTHS[width]} blocks"))
    work = multiplications(random_weights(width, WIDTHS[width]))
    fast = median(took.stages["network"] for took in taken["Tally, all cores"]) / bench.frames
    rate = 2 * work * 640 * 360 / fast / 1e9
    console.print(f"The network: {work:,.0f} multiplications a pixel, {rate:.0f} GFLOP/s on all cores.")


def _table(taken: Mapping[str, Sequence[Took]], frames: int, title: str) -> Table:
    """Medians; `times` compares with the last way, the slowest."""
    table = Table("way", "frames/s", "times", "CPU s a frame", "times", "outside the network", title=title)
    whole = {name: median(took.whole for took in rows) for name, rows in taken.items()}
    cpu = {name: median(took.cpu for took in rows) for name, rows in taken.items()}
    last = list(taken)[-1]
    for name, rows in taken.items():
        outside = median(took.outside for took in rows)
        table.add_row(
            *(name, f"{frames / whole[name]:.2f}", f"{whole[last] / whole[name]:.2f}"),
            *(f"{cpu[name] / frames:.3f}", f"{cpu[last] / cpu[name]:.2f}", "" if isnan(outside) else f"{outside:.1%}"),
        )
    return table


def _memory(folder: Path) -> None:
    taken = {frames: peak(frames, folder) for frames in (10, MAX_FRAMES)}
    told = ", ".join(f"{mib} MiB for {frames} frames" for frames, mib in taken.items())
    console.print(f"Peak memory at 3840x2160: {told}; longer clips have several groups of {MAX_FRAMES}.")


if __name__ == "__main__":
    main()
