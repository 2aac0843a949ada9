"""What a picture looks like to a network that has learned to see: the basis of perceptual losses."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import NodeProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from scoring_images.style_training.arguments import TORCHVISION_TAPS
from scoring_images.style_training.errors import Refused

BGR_MEANS = (104.0, 117.0, 123.0)
RGB_MEANS, RGB_DEVIATIONS = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
TAPS = 5
Features = Callable[[Tensor], list[Tensor]]
"""Turns RGB 0..255, (N, 3, H, W), into the values at the taps, the shallowest first."""


class FeaturesError(Refused):
    """The network cannot serve for features; the message says why."""


def load_features(name: str, taps: Sequence[str] = (), device: str = "cpu") -> Features:
    """Features of an ONNX file, or of torchvision's network of this name; raises FeaturesError."""
    if name.endswith(".onnx"):
        if not Path(name).is_file():
            raise FeaturesError(f"There is no {name}.")
        return OnnxFeatures(Path(name), list(taps)).to(device)
    return _torchvision(name, device)


class OnnxFeatures:
    """A classifier in ONNX: convolutions, ReLU, pooling and concatenation, up to the deepest tap.

    Images are RGB 0..255, (N, 3, H, W). The network is given BGR minus its means, as Caffe's classifiers
    (SqueezeNet, VGG) expect.
    """

    def __init__(self, path: Path, taps: list[str] | None = None) -> None:
        graph = onnx.load(str(path)).graph
        self.weights = {tensor.name: _tensor(tensor) for tensor in graph.initializer}
        self.image = next(value.name for value in graph.input if value.name not in self.weights)
        nodes = list(graph.node)
        self.taps = taps or choose_taps(nodes)
        outputs = [node.output[0] for node in nodes]
        missing = [tap for tap in self.taps if tap not in outputs]
        if missing:
            raise FeaturesError(
                f"{path.name} has no output {missing[0]}; it has, for example, {', '.join(outputs[:8])}."
            )
        self.nodes = nodes[: 1 + max(map(outputs.index, self.taps))]

    def to(self, device: str) -> "OnnxFeatures":
        """Move the weights to a device."""
        self.weights = {name: value.to(device) for name, value in self.weights.items()}
        return self

    def __call__(self, images: Tensor) -> list[Tensor]:
        """The values at the taps, in order."""
        values = {self.image: images.flip(1) - images.new_tensor(BGR_MEANS).view(1, 3, 1, 1)}
        for node in self.nodes:
            values[node.output[0]] = self._apply(node, [values[name] for name in node.input if name in values])
        return [values[tap] for tap in self.taps]

    def _apply(self, node: NodeProto, inputs: list[Tensor]) -> Tensor:
        options = {field.name: helper.get_attribute_value(field) for field in node.attribute}
        if node.op_type == "Conv":
            return self._convolve(node, inputs[0], options)
        if node.op_type == "Relu":
            return functional.relu(inputs[0])
        if node.op_type == "Concat":
            return torch.cat(inputs, options.get("axis", 1))
        if node.op_type in ("MaxPool", "AveragePool"):
            pool = functional.max_pool2d if node.op_type == "MaxPool" else functional.avg_pool2d
            return pool(_padded(inputs[0], options), options["kernel_shape"], options.get("strides", [1, 1]))
        if node.op_type in ("Dropout", "Identity"):
            return inputs[0]
        raise FeaturesError(f"The feature network's {node.op_type} is not known here: name taps before it.")

    def _convolve(self, node: NodeProto, image: Tensor, options: dict[str, Any]) -> Tensor:
        weight, *bias = (self.weights[name] for name in node.input[1:])
        steps = options.get("strides", [1, 1])
        return functional.conv2d(
            _padded(image, options), weight, *bias, stride=steps, groups=int(options.get("group", 1))
        )


def _tensor(tensor: onnx.TensorProto) -> Tensor:
    values = torch.tensor(numpy_helper.to_array(tensor))
    return values.float() if values.is_floating_point() else values


def _padded(image: Tensor, options: dict[str, list[int]]) -> Tensor:
    top, left, bottom, right = options.get("pads", [0, 0, 0, 0])
    return functional.pad(image, (left, right, top, bottom)) if top + left + bottom + right else image


def choose_taps(nodes: list[NodeProto]) -> list[str]:
    """The outputs to compare at: before each pooling, and two more as deep; for SqueezeNet conv1, fire2, 3, 5 and 7."""
    wide = [node.output[0] for node in nodes if node.op_type == "Concat"]
    if len(wide) >= 6:
        first = next(node.output[0] for node in nodes if node.op_type == "Relu")
        return [first, wide[0], wide[1], wide[3], wide[5]]
    seen = [node.output[0] for node in nodes if node.op_type == "Relu"]
    before_pools = [seen.index(node.input[0]) for node in nodes if node.op_type == "MaxPool" and node.input[0] in seen]
    return [seen[number] for number in (before_pools or list(range(0, len(seen), 2)))[:TAPS]]


def _torchvision(name: str, device: str) -> Features:
    try:
        from torchvision import models
    except ImportError as error:
        raise FeaturesError(
            f"{name} is no .onnx file, and torchvision, which may know it, is not installed."
        ) from error
    if name not in TORCHVISION_TAPS:
        raise FeaturesError(f"Of torchvision's networks these can serve: {', '.join(TORCHVISION_TAPS)}.")
    layers = models.get_model(name, weights="DEFAULT").features.eval().requires_grad_(False).to(device)
    taps = TORCHVISION_TAPS[name]

    def features(images: Tensor) -> list[Tensor]:
        means, deviations = (images.new_tensor(v).view(1, 3, 1, 1) for v in (RGB_MEANS, RGB_DEVIATIONS))
        value, found = (images - means) / deviations, []
        for number, layer in enumerate(layers[: taps[-1]], 1):
            value = layer(value)
            if number in taps:
                found.append(value.clone())  # the next layer may work in place
        return found

    return features
