"""Rewrites a style network's graph: frames in and out as bytes, and its instance norms' statistics in or out."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from shared.errors import BundleError

FRAMES, STYLED = "tally_frames", "tally_styled"
MAX_BYTES = 200_000_000
_RGB: list[str | int | None] = ["N", "H", "W", 3]


def read_network(data: bytes) -> ModelProto:
    """The network; raises BundleError unless it turns an (N, 3, H, W) float image, RGB 0..255, into another."""
    if len(data) > MAX_BYTES:
        raise BundleError(f"The style network has {len(data)} bytes; {MAX_BYTES} are the most.")
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:
        raise BundleError(f"The style network is not an ONNX model: {str(error)[:200]}.") from error
    _check(model)
    return model


def _check(model: ModelProto) -> None:
    if any(node.domain not in ("", "ai.onnx") for node in model.graph.node):
        raise BundleError("The style network has operators of its own, which cannot be run here.")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise BundleError("The style network's weights lie in another file.", "Export it as one file.")
    images = _inputs(model)
    if len(images) != 1 or len(model.graph.output) != 1 or not _is_image(images[0]):
        raise BundleError("A style network has one input, (N, 3, H, W) in float32, and one output of the same kind.")


def _inputs(model: ModelProto) -> list[onnx.ValueInfoProto]:
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def _is_image(value: onnx.ValueInfoProto) -> bool:
    kind = value.type.tensor_type
    sizes = kind.shape.dim
    return kind.elem_type == TensorProto.FLOAT and len(sizes) == 4 and sizes[1].dim_value in (0, 3)


def has_statistics(model: ModelProto) -> bool:
    """Whether the network normalises by statistics of the whole image, so that its tiles would differ."""
    return any(node.op_type == "InstanceNormalization" for node in model.graph.node)


def on_frames(model: ModelProto) -> ModelProto:
    """The network on frames, uint8 (N, H, W, 3): conversion, clipping to 0..255 and rounding are part of the graph."""
    made = _copy(model)
    image, styled = _inputs(made)[0].name, made.graph.output[0].name
    before = [
        helper.make_node("Cast", [FRAMES], ["tally_float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["tally_float"], [image], perm=[0, 3, 1, 2]),
    ]
    after = [
        helper.make_node("Transpose", [styled], ["tally_rows"], perm=[0, 2, 3, 1]),
        helper.make_node("Clip", ["tally_rows", "tally_0", "tally_255"], ["tally_clipped"]),
        helper.make_node("Round", ["tally_clipped"], ["tally_round"]),
        helper.make_node("Cast", ["tally_round"], [STYLED], to=TensorProto.UINT8),
    ]
    _replace(made.graph.node, [*before, *made.graph.node, *after])
    made.graph.initializer.extend(_scalar(f"tally_{value}", value) for value in (0, 255))
    others = [value for value in made.graph.input if value.name != image]
    _replace(made.graph.input, [helper.make_tensor_value_info(FRAMES, TensorProto.UINT8, _RGB), *others])
    outputs = [value for value in made.graph.output if value.name != styled]
    _replace(made.graph.output, [helper.make_tensor_value_info(STYLED, TensorProto.UINT8, _RGB), *outputs])
    return made


def giving_statistics(model: ModelProto) -> ModelProto:
    """The network with each instance norm's mean and variance, (N, C, 1, 1), as its only outputs."""
    made = _copy(model)
    added: list[NodeProto] = []
    names: list[str] = []
    for number, node in enumerate(_norms(made)):
        mean, variance, around = f"mean_{number}", f"variance_{number}", f"around_{number}"
        added += [
            _mean(made, node.input[0], mean),
            helper.make_node("Sub", [node.input[0], mean], [around]),
            helper.make_node("Mul", [around, around], [f"{around}_2"]),
            _mean(made, f"{around}_2", variance),
        ]
        names += [mean, variance]
    made.graph.node.extend(added)
    made.graph.initializer.append(numpy_helper.from_array(np.array([2, 3], np.int64), "tally_axes"))
    del made.graph.output[:]
    made.graph.output.extend(_statistic(name) for name in names)
    return made


def _mean(model: ModelProto, image: str, mean: str) -> NodeProto:
    """The mean over rows and columns; since opset 18 the axes are an input."""
    version = next(opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx"))
    if version < 18:
        return helper.make_node("ReduceMean", [image], [mean], axes=[2, 3])
    return helper.make_node("ReduceMean", [image, "tally_axes"], [mean])


def taking_statistics(model: ModelProto) -> ModelProto:
    """The network with each instance norm's mean and variance as inputs, named as `giving_statistics` names them."""
    made = _copy(model)
    nodes: list[NodeProto] = []
    number = 0
    for node in made.graph.node:
        if node.op_type != "InstanceNormalization":
            nodes.append(node)
            continue
        nodes += _normalising(node, number)
        made.graph.input.extend(_statistic(f"{kind}_{number}") for kind in ("mean", "variance"))
        made.graph.initializer.append(_scalar(f"epsilon_{number}", helper.get_node_attr_value(node, "epsilon")))
        number += 1
    made.graph.initializer.append(numpy_helper.from_array(np.array([1, -1, 1, 1], np.int64), "tally_channels"))
    _replace(made.graph.node, nodes)
    return made


def _normalising(node: NodeProto, number: int) -> list[NodeProto]:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias as one product and one sum over the image."""
    n, (image, scale, bias) = number, node.input
    mean, variance, epsilon = f"mean_{n}", f"variance_{n}", f"epsilon_{n}"

    def of(kind: str, inputs: list[str], output: str) -> NodeProto:
        return helper.make_node(kind, inputs, [output])

    return [
        of("Reshape", [scale, "tally_channels"], f"scale_{n}"),
        of("Reshape", [bias, "tally_channels"], f"bias_{n}"),
        of("Add", [variance, epsilon], f"safe_{n}"),
        of("Sqrt", [f"safe_{n}"], f"deviation_{n}"),
        of("Div", [f"scale_{n}", f"deviation_{n}"], f"factor_{n}"),
        of("Mul", [mean, f"factor_{n}"], f"shift_{n}"),
        of("Sub", [f"bias_{n}", f"shift_{n}"], f"offset_{n}"),
        of("Mul", [image, f"factor_{n}"], f"scaled_{n}"),
        of("Add", [f"scaled_{n}", f"offset_{n}"], node.output[0]),
    ]


def bytes_per_pixel(model: ModelProto) -> float:
    """How much memory the network's values need at once, per pixel of its input, as far as its graph shows."""
    side = 256
    made = _copy(model)
    for size, value in zip(_inputs(made)[0].type.tensor_type.shape.dim, (1, 3, side, side), strict=True):
        size.dim_value = value
    inferred = onnx.shape_inference.infer_shapes(made)
    values = [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
    sizes = {value.name: _elements(value) for value in values}
    last = {name: number for number, node in enumerate(made.graph.node) for name in node.input}
    alive, most = 0, 0
    for number, node in enumerate(made.graph.node):
        alive += sum(sizes.get(name, 0) for name in node.output)
        most = max(most, alive)
        alive -= sum(sizes.get(name, 0) for name in set(node.input) if last[name] == number)
    return 4 * most / side**2


def _elements(value: onnx.ValueInfoProto) -> int:
    sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
    return int(np.prod(sizes)) if len(sizes) == 4 else 0


def _norms(model: ModelProto) -> Iterator[NodeProto]:
    return (node for node in model.graph.node if node.op_type == "InstanceNormalization")


def _statistic(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", None, 1, 1])


def _scalar(name: str, value: float) -> TensorProto:
    return numpy_helper.from_array(np.array(value, np.float32), name)


def _copy(model: ModelProto) -> ModelProto:
    made = ModelProto()
    made.CopyFrom(model)
    return made


def _replace(field: "object", values: list) -> None:  # type: ignore[type-arg]
    del field[:]  # type: ignore[attr-defined]
    field.extend(values)  # type: ignore[attr-defined]
