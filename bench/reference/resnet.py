"""Weights for ResNet-152 drawn at random, in the names that PyTorch gives them: speed does not depend on them."""

from collections.abc import Iterator

import numpy as np

BLOCKS = (3, 8, 36, 3)


def layers(width: int, blocks: tuple[int, ...]) -> Iterator[tuple[str, str, int, int, int]]:
    """Convolution, its normalisation, outputs, inputs and side of the kernel, in the order of the network."""
    yield "conv1", "bn1", width, 3, 7
    inputs = width
    for stage, count in enumerate(blocks):
        middle = width << stage
        for number in range(count):
            name = f"layer{stage + 1}.{number}"
            yield f"{name}.conv1", f"{name}.bn1", middle, inputs, 1
            yield f"{name}.conv2", f"{name}.bn2", middle, middle, 3
            yield f"{name}.conv3", f"{name}.bn3", 4 * middle, middle, 1
            if not number:
                yield f"{name}.downsample.0", f"{name}.downsample.1", 4 * middle, inputs, 1
            inputs = 4 * middle


def weights(width: int = 64, blocks: tuple[int, ...] = BLOCKS, classes: int = 1000) -> dict[str, np.ndarray]:
    """Weights that keep values within bounds: each block adds a little to what comes in."""
    random, made = np.random.default_rng(0), {}
    for name, norm, outputs, inputs, side in layers(width, blocks):
        deviation = np.sqrt(2 / (inputs * side * side))
        made[f"{name}.weight"] = random.normal(0, deviation, (outputs, inputs, side, side)).astype(np.float32)
        gain = 0.2 if norm.endswith("bn3") else 1
        spans = {
            "weight": (0.8 * gain, gain),
            "bias": (-0.1, 0.1),
            "running_mean": (-0.1, 0.1),
            "running_var": (0.5, 2),
        }
        made |= {f"{norm}.{part}": random.uniform(*span, outputs).astype(np.float32) for part, span in spans.items()}
    made["fc.weight"] = random.normal(0, 0.02, (classes, 32 * width)).astype(np.float32)
    made["fc.bias"] = random.normal(0, 0.02, classes).astype(np.float32)
    return made
