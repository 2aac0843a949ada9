"""ResNets as ONNX, from weights in PyTorch's names: no PyTorch is needed, and nothing of theirs is executed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shared.errors import InvalidInput

type Weights = Mapping[str, np.ndarray]
STAGES = 4
EPSILON = 1e-5  # of PyTorch's batch normalisation


def to_onnx(weights: Weights) -> bytes:
    """The network of a torchvision ResNet-50, -101 or -152: images (N, 3, H, W) to scores (N, classes), float32.

    (He et al. 2015, https://arxiv.org/abs/1512.03385; as in torchvision, a bottleneck's stride is in its 3x3
    convolution.) Batch normalisation is folded into the convolutions. Depth and widths are those of the weights.
    Raises InvalidInput where some are missing.
    """
    try:
        return _drawn(weights)
    except KeyError as error:
        raise InvalidInput(f"These are no weights of a ResNet: there is no {error}.") from error


def _drawn(weights: Weights) -> bytes:
    graph = _Graph(weights)
    at = graph.convolved("image", "conv1", "bn1", stride=2, relu=True)
    at = graph.add("MaxPool", [at], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for stage in range(1, STAGES + 1):
        number = 0
        while f"layer{stage}.{number}.conv1.weight" in weights:
            at = graph.bottleneck(at, f"layer{stage}.{number}", 2 if stage > 1 and not number else 1)
            number += 1
    at = graph.add("Flatten", [graph.add("GlobalAveragePool", [at])])
    head, bias = (graph.constant(f"fc.{part}", weights[f"fc.{part}"]) for part in ("weight", "bias"))
    graph.add("Gemm", [at, head, bias], name="scores", transB=1)
    return graph.model(len(weights["fc.bias"]))


@dataclass(slots=True)
class _Graph:
    """Nodes so far; each is named as its only output."""

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        name = name or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, values: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def convolved(self, source: str, name: str, norm: str, stride: int = 1, relu: bool = False) -> str:
        """A convolution with its batch normalisation in its weights (Jacob et al. 2018, section 3.2)."""
        kernel = self.weights[f"{name}.weight"]
        gain, shift, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + EPSILON)
        held = [
            self.constant(f"{name}.weight", kernel * scale[:, None, None, None]),
            self.constant(f"{name}.bias", shift - mean * scale),
        ]
        made = self.add("Conv", [source, *held], name, strides=[stride] * 2, pads=[kernel.shape[2] // 2] * 4)
        return self.add("Relu", [made]) if relu else made

    def bottleneck(self, source: str, name: str, stride: int) -> str:
        at = self.convolved(source, f"{name}.conv1", f"{name}.bn1", relu=True)
        at = self.convolved(at, f"{name}.conv2", f"{name}.bn2", stride, relu=True)
        at = self.convolved(at, f"{name}.conv3", f"{name}.bn3")
        if f"{name}.downsample.0.weight" in self.weights:
            source = self.convolved(source, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return self.add("Relu", [self.add("Add", [at, source])])

    def model(self, classes: int) -> bytes:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", classes])
        graph = helper.make_graph(self.nodes, "resnet", [image], [scores], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return bytes(model.SerializeToString())
