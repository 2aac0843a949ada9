"""Writes a trained network as ONNX: any size, RGB 0..255 in and out, weights in half precision."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Array = NDArray[np.float32]
OPSET, IR_VERSION = 17, 9
MIDDLE, SCALE = 127.5, 64.0
"""The network works on (x - 127.5) / 64; both ends are folded into the first and the last convolution."""


class Graph:
    """A chain of nodes that grows at its end."""

    def __init__(self, image: str) -> None:
        self.end = image
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def add(self, kind: str, *more: str, **attributes: Any) -> str:
        """Append a node that takes the end of the chain and `more`; the name of its output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.end, *more], [name], **attributes))
        self.end = name
        return name

    def constant(self, values: "NDArray[np.generic]") -> str:
        """A tensor as it is."""
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, values: Array) -> str:
        """A tensor kept in half precision; the runtime widens it once, when it loads the network."""
        half = self.constant(values.astype(np.float16))
        name = f"{half}_wide"
        self.nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
        return name

    def pad(self, before: int, after: int) -> None:
        """Reflect rows and columns at the borders."""
        sizes = np.array([0, 0, before, before, 0, 0, after, after], np.int64)
        self.add("Pad", self.constant(sizes), mode="reflect")

    def convolve(self, kernel: Array, bias: Array | None, padding: int, stride: int = 1, group: int = 1) -> None:
        """A convolution that keeps the size, or halves it with stride 2."""
        self.pad(padding, padding)
        more = [self.weight(kernel)] + ([] if bias is None else [self.weight(bias)])
        self.add("Conv", *more, kernel_shape=list(kernel.shape[2:]), strides=[stride, stride], group=group)

    def normalize(self, scale: Array, bias: Array) -> None:
        """Instance normalisation (Ulyanov et al. 2016)."""
        self.add("InstanceNormalization", self.weight(scale), self.weight(bias), epsilon=1e-5)


def to_onnx(weights: Mapping[str, Array]) -> bytes:
    """The network of these weights, named as in `network.Transformer`; for sizes that are multiples of 4."""
    graph, blocks = Graph("image"), 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    blur = weights.get("blur")
    first = weights["into.weight"] / SCALE
    graph.convolve(first, weights["into.bias"] - first.sum((1, 2, 3)) * MIDDLE, 4)
    _normalized(graph, weights, "into_norm")
    for name in ("down1", "down2"):
        _halve(graph, weights, name, blur)
        _normalized(graph, weights, f"{name}_norm")
    for number in range(blocks):
        _block(graph, weights, f"blocks.{number}")
    for name in ("up1", "up2"):
        _double(graph, smooth=blur is not None)
        graph.convolve(weights[f"{name}.weight"], weights[f"{name}.bias"], 1)
        _normalized(graph, weights, f"{name}_norm")
    _last(graph, weights["out.weight"] * SCALE, weights["out.bias"] * SCALE + MIDDLE)
    return _model(graph)


def _normalized(graph: Graph, weights: Mapping[str, Array], name: str, *, relu: bool = True) -> None:
    graph.normalize(weights[f"{name}.weight"], weights[f"{name}.bias"])
    if relu:
        graph.add("Relu")


def _halve(graph: Graph, weights: Mapping[str, Array], name: str, blur: Array | None) -> None:
    """Low-pass, then every second pixel: sampling without it is what makes the output jump (Zhang 2019)."""
    if blur is not None:
        channels = weights[f"{name}.weight"].shape[1]
        graph.pad(1, 2)
        kernel = graph.weight(np.repeat(blur[None, None], channels, 0))
        graph.add("Conv", kernel, kernel_shape=list(blur.shape), group=channels)
    graph.convolve(weights[f"{name}.weight"], weights[f"{name}.bias"], 1, stride=2)


def _double(graph: Graph, *, smooth: bool) -> None:
    scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
    if smooth:
        graph.add("Resize", "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
    else:
        graph.add(
            "Resize", "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )


def _block(graph: Graph, weights: Mapping[str, Array], name: str) -> None:
    start = graph.end
    graph.convolve(weights[f"{name}.first.weight"], weights[f"{name}.first.bias"], 1)
    _normalized(graph, weights, f"{name}.first_norm")
    graph.convolve(weights[f"{name}.second.weight"], weights[f"{name}.second.bias"], 1)
    _normalized(graph, weights, f"{name}.second_norm", relu=False)
    graph.add("Add", start)


def _last(graph: Graph, kernel: Array, bias: Array) -> None:
    """The last convolution over blocks of 2 x 2 pixels at once: the same numbers from fewer, larger steps."""
    graph.pad(4, 4)
    wide, biases = over_blocks(kernel), np.repeat(bias, 4)
    more = graph.weight(wide), graph.weight(biases)
    graph.add("Conv", *more, kernel_shape=list(wide.shape[2:]), strides=[2, 2])
    graph.add("DepthToSpace", blocksize=2, mode="CRD")


def over_blocks(kernel: Array) -> Array:
    """A kernel (O, I, K, K) of stride 1 as one of stride 2, (4 O, I, K + 1, K + 1): an output per pixel of a block.

    Depth to space with block size 2 puts the outputs in their places; exact where both sizes are even.
    """
    outputs, inputs, side, _ = kernel.shape
    wide = np.zeros((outputs, 2, 2, inputs, side + 1, side + 1), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            wide[:, row, column, :, row : row + side, column : column + side] = kernel
    return wide.reshape(4 * outputs, inputs, side + 1, side + 1)


def _model(graph: Graph) -> bytes:
    sizes: list[str | int | None] = ["N", 3, "H", "W"]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)
    graph.nodes[-1].output[0] = "styled"
    styled = helper.make_tensor_value_info("styled", TensorProto.FLOAT, sizes)
    whole = helper.make_graph(graph.nodes, "style", [image], [styled], graph.weights)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
