"""The reference's way of styling: one PyTorch process over a folder of JPEG files. Run by an interpreter with torch.

`python style_frames.py WEIGHTS.npz FRAMES STYLED`: the network of Johnson et al. 2016 as its authors' PyTorch example
has it (reflection padding, nearest upsampling), frame by frame; prints the seconds that styling took, and those of CPU,
both without imports.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional


def styled(image: torch.Tensor, weights: dict[str, torch.Tensor], blocks: int) -> torch.Tensor:
    def convolve(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.weight"]
        x = functional.pad(x, (kernel.shape[2] // 2,) * 4, mode="reflect")
        return functional.conv2d(x, kernel, weights[f"{name}.bias"], stride)

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.instance_norm(x, weight=weights[f"{name}.weight"], bias=weights[f"{name}.bias"])

    x = (image - 127.5) / 64
    for name, stride in (("into", 1), ("down1", 2), ("down2", 2)):
        x = functional.relu(norm(convolve(x, name, stride), f"{name}_norm"))
    for number in range(blocks):
        place = f"blocks.{number}"
        inner = functional.relu(norm(convolve(x, f"{place}.first"), f"{place}.first_norm"))
        x = x + norm(convolve(inner, f"{place}.second"), f"{place}.second_norm")
    for name in ("up1", "up2"):
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = functional.relu(norm(convolve(x, name), f"{name}_norm"))
    return convolve(x, "out") * 64 + 127.5


def main() -> None:
    source, frames, target = map(Path, sys.argv[1:4])
    with np.load(source) as held:
        weights = {name: torch.from_numpy(held[name]) for name in held.files}
    blocks = sum(name.endswith(".first.weight") for name in weights)
    begun, used = time.perf_counter(), time.process_time()
    for path in sorted(frames.glob("*.jpg")):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"), np.float32).transpose(2, 0, 1)
        with torch.no_grad():
            out = styled(torch.from_numpy(pixels)[None], weights, blocks)[0].clamp(0, 255)
        Image.fromarray(out.numpy().transpose(1, 2, 0).astype("uint8")).save(target / path.name)
    print(f"{time.perf_counter() - begun:.3f} {time.process_time() - used:.3f}")


main()
