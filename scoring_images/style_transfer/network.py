"""Runs a style network on frames of any size: padded to its stride, in batches, in tiles where memory is short."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto

from scoring_images.style_transfer import graph
from scoring_images.style_transfer.tiles import reduced, tiles
from shared.errors import BundleError

type Frames = NDArray[np.uint8]
"""(N, H, W, 3), RGB."""

STRIDE = 4
"""Sizes are made multiples of it: two halvings, as in Johnson et al. 2016."""

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider")
MEMORY_FACTOR = 2.0
"""Measured: ONNX Runtime on CPU takes 1.4 to 2.0 times the values alone, for other layouts and what it keeps."""


@dataclass(frozen=True)
class Network:
    """A style network, ready to run; see `open`."""

    model: ModelProto
    memory_bytes: int
    threads: int = 0
    batch: int = 1

    @classmethod
    def open(cls, data: bytes, *, memory_bytes: int, threads: int = 0, batch: int = 1) -> "Network":
        """Load an ONNX network. It uses `threads` (0: one per core) and about `memory_bytes` at most.

        Raises BundleError where it is no style network.
        """
        network = cls(graph.read_network(data), memory_bytes, threads, batch)
        try:
            network.style(np.zeros((1, 32, 32, 3), np.uint8))
        except Exception as error:
            raise BundleError(f"The style network does not run: {str(error)[:200]}.") from error
        return network

    @property
    def provider(self) -> str:
        """What it runs on: the first of PROVIDERS that this build of ONNX Runtime has and that works here."""
        return str(self._whole.get_providers()[0]).removesuffix("ExecutionProvider")

    @cached_property
    def pixels(self) -> int:
        """How many pixels fit into memory at once."""
        return self._pixels(self.model)

    def _pixels(self, model: ModelProto) -> int:
        return int(self.memory_bytes / (MEMORY_FACTOR * graph.bytes_per_pixel(model)))

    def style(self, frames: Frames) -> Frames:
        """The frames, styled. A frame comes out the same whatever batch it is in."""
        height, width = frames.shape[1:3]
        padded = _padded(frames)
        one = padded.shape[1] * padded.shape[2]
        if one > self.pixels:
            styled = np.concatenate([self._tiled(frame[None]) for frame in padded])
        else:
            styled = self._batches(padded, max(1, min(self.batch, self.pixels // one)))
        return styled[:, :height, :width]

    def _batches(self, frames: Frames, size: int) -> Frames:
        """All batches have one size: some kernels add up in another order in smaller ones."""
        parts = [frames[at : at + size] for at in range(0, len(frames), size)]
        full = [np.concatenate([part, part[-1:].repeat(size - len(part), 0)]) for part in parts]
        return np.concatenate([self._run(self._whole, part) for part in full])[: len(frames)]

    def _tiled(self, frame: Frames) -> Frames:
        statistics = self._statistics(frame)
        session = self._with_statistics if statistics else self._whole
        styled = np.empty_like(frame)
        for tile in tiles(frame.shape[1], frame.shape[2], self.pixels, STRIDE):
            part = self._run(session, np.ascontiguousarray(frame[:, *tile.outer]), statistics)
            styled[:, *tile.inner] = part[:, *tile.inner_in_outer]
        return styled

    def _statistics(self, frame: Frames) -> Mapping[str, NDArray[np.float32]]:
        """Means and variances of the whole frame, from as large a copy of it as memory allows."""
        if not graph.has_statistics(self.model):
            return {}
        small = _padded(reduced(frame[0], self._statistics_pixels)[None])
        image = small.transpose(0, 3, 1, 2).astype(np.float32)
        names = [output.name for output in self._statistics_only.get_outputs()]
        (first,) = self._statistics_only.get_inputs()
        options = ort.RunOptions()
        # What this run took would otherwise stay, beside what the tiles take.
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return dict(zip(names, self._statistics_only.run(names, {first.name: image}, options), strict=True))

    @staticmethod
    def _run(session: Any, frames: Frames, more: Mapping[str, NDArray[np.float32]] | None = None) -> Frames:
        styled: Frames = session.run([graph.STYLED], {graph.FRAMES: frames, **(more or {})})[0]
        return styled

    @cached_property
    def _whole(self) -> Any:
        return self._session(graph.on_frames(self.model))

    @cached_property
    def _statistics_pixels(self) -> int:
        """Fewer than `pixels`: what the statistics are made from takes more memory than the network itself."""
        return self._pixels(graph.giving_statistics(self.model))

    @cached_property
    def _statistics_only(self) -> Any:
        return self._session(graph.giving_statistics(self.model))

    @cached_property
    def _with_statistics(self) -> Any:
        return self._session(graph.on_frames(graph.taking_statistics(self.model)))

    def _session(self, model: ModelProto) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 3
        options.enable_mem_pattern = False
        _share_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        # Threads that spin while they wait take the cores from decoding, encoding and other tasks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        available = ort.get_available_providers()
        chosen = [(name, _options(name, self.threads)) for name in PROVIDERS if name in available]
        return ort.InferenceSession(model.SerializeToString(), options, providers=chosen)


@cache
def _share_memory() -> None:
    """Keep what a run used for the next one, of whichever session: new memory costs more time than the convolutions."""
    whole = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(whole, ort.OrtArenaCfg(0, -1, -1, -1))


def _options(provider: str, threads: int) -> dict[str, str]:
    if provider != "OpenVINOExecutionProvider":
        return {}
    return {"device_type": "CPU"} | ({"num_of_threads": str(threads)} if threads else {})


def _padded(frames: Frames) -> Frames:
    """Both sizes made multiples of the stride by repeating the last row and column."""
    bottom, right = (-size % STRIDE for size in frames.shape[1:3])
    return np.pad(frames, ((0, 0), (0, bottom), (0, right), (0, 0)), "edge") if bottom or right else frames
