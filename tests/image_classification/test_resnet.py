"""A ResNet drawn from weights gives what PyTorch gives for them, and what plain loops do."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from bench.reference.resnet import weights as generated
from shared.errors import InvalidInput
from shared.image_classification.resnet import EPSILON, to_onnx

type Weights = dict[str, np.ndarray]
BLOCKS = (1, 2, 1, 1)


def small() -> Weights:
    return generated(4, BLOCKS, classes=5)


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
    weights, images = small(), np.random.default_rng(1).normal(size=(2, 3, 70, 64)).astype(np.float32)
    network = to_onnx(weights)
    onnx.checker.check_model(onnx.load_from_string(network), full_check=True)
    expected = [plainly(weights, image) for image in images]
    np.testing.assert_allclose(scores(network, images), expected, rtol=1e-4, atol=1e-4)


def test_the_network_gives_what_torchvision_gives() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    resnet = pytest.importorskip("torchvision.models.resnet", reason="torchvision is not installed")
    theirs = resnet.ResNet(resnet.Bottleneck, [3, 8, 36, 3]).eval()
    weights = generated()
    theirs.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    images = np.random.default_rng(1).normal(size=(2, 3, 224, 224)).astype(np.float32)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(
        scores(to_onnx(weights), images), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
    )


def test_weights_of_something_else_are_refused() -> None:
    weights = small()
    del weights["layer2.1.bn3.running_var"]
    with pytest.raises(InvalidInput, match=r"layer2\.1\.bn3\.running_var"):
        to_onnx(weights)
