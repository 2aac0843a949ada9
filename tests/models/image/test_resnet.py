"""A ResNet drawn from weights gives what PyTorch gives for them, and what plain loops do."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from shared.errors import InvalidInput
from shared.models.image.resnet import EPSILON, to_onnx

type Weights = dict[str, np.ndarray]
BLOCKS = (1, 2, 1, 1)


def generated(width: int = 4, blocks: tuple[int, ...] = BLOCKS, classes: int = 5) -> Weights:
    """Weights of a small ResNet, in PyTorch's names, that keep values within bounds."""
    random, made = np.random.default_rng(0), {}

    def layer(name: str, norm: str, outputs: int, inputs: int, side: int) -> None:
        deviation = np.sqrt(2 / (inputs * side * side))
        made[f"{name}.weight"] = random.normal(0, deviation, (outputs, inputs, side, side)).astype(np.float32)
        for part, low, high in (("weight", 0.5, 1), ("bias", -1, 1), ("running_mean", -1, 1), ("running_var", 0.5, 2)):
            made[f"{norm}.{part}"] = random.uniform(low, high, outputs).astype(np.float32)

    layer("conv1", "bn1", width, 3, 7)
    inputs = width
    for stage, count in enumerate(blocks):
        middle = width << stage
        for number in range(count):
            place = f"layer{stage + 1}.{number}"
            layer(f"{place}.conv1", f"{place}.bn1", middle, inputs, 1)
            layer(f"{place}.conv2", f"{place}.bn2", middle, middle, 3)
            layer(f"{place}.conv3", f"{place}.bn3", 4 * middle, middle, 1)
            if not number:
                layer(f"{place}.downsample.0", f"{place}.downsample.1", 4 * middle, inputs, 1)
            inputs = 4 * middle
    made["fc.weight"] = random.normal(0, 0.1, (classes, inputs)).astype(np.float32)
    made["fc.bias"] = random.normal(0, 0.1, classes).astype(np.float32)
    return made


def plainly(weights: Weights, image: np.ndarray) -> np.ndarray:
    """The scores of an image (3, H, W), as the paper draws the network."""

    def windows(values: np.ndarray, side: int, stride: int, around: float) -> np.ndarray:
        padded = np.pad(values, ((0, 0), *[(side // 2,) * 2] * 2), constant_values=around)
        return np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))[:, ::stride, ::stride]

    def convolved(values: np.ndarray, name: str, norm: str, stride: int = 1) -> np.ndarray:
        kernel = weights[f"{name}.weight"].astype(float)
        sums = np.einsum("ihwab,oiab->ohw", windows(values, kernel.shape[2], stride, 0), kernel)
        gain, shift, mean, variance = (
            weights[f"{norm}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (sums - mean) / np.sqrt(variance + EPSILON) * gain + shift

    at = np.maximum(convolved(image.astype(float), "conv1", "bn1", 2), 0)
    at = windows(at, 3, 2, -np.inf).max((3, 4))
    for stage, count in enumerate(BLOCKS):
        for number in range(count):
            place, stride = f"layer{stage + 1}.{number}", 2 if stage and not number else 1
            branch = np.maximum(convolved(at, f"{place}.conv1", f"{place}.bn1"), 0)
            branch = np.maximum(convolved(branch, f"{place}.conv2", f"{place}.bn2", stride), 0)
            branch = convolved(branch, f"{place}.conv3", f"{place}.bn3")
            if not number:
                at = convolved(at, f"{place}.downsample.0", f"{place}.downsample.1", stride)
            at = np.maximum(branch + at, 0)
    return weights["fc.weight"] @ at.mean((1, 2)) + weights["fc.bias"]


def scores(network: bytes, images: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(network).run(None, {"image": images})[0]


def test_the_network_gives_what_plain_loops_give() -> None:
    weights, images = generated(), np.random.default_rng(1).normal(size=(2, 3, 70, 64)).astype(np.float32)
    network = to_onnx(weights)
    onnx.checker.check_model(onnx.load_from_string(network), full_check=True)
    expected = [plainly(weights, image) for image in images]
    np.testing.assert_allclose(scores(network, images), expected, rtol=1e-4, atol=1e-4)


def test_the_network_gives_what_torchvision_gives() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    resnet = pytest.importorskip("torchvision.models.resnet", reason="torchvision is not installed")
    theirs = resnet.ResNet(resnet.Bottleneck, [3, 8, 36, 3]).eval()
    weights = generated(64, (3, 8, 36, 3), 1000)
    theirs.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    images = np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(
        scores(to_onnx(weights), images), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
    )


def test_weights_of_something_else_are_refused() -> None:
    weights = generated()
    del weights["layer2.1.bn3.running_var"]
    with pytest.raises(InvalidInput, match=r"layer2\.1\.bn3\.running_var"):
        to_onnx(weights)
