"""Small ONNX classifiers that are their own explanation."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def channel_means(
    shape: tuple[int | str, ...] = ("N", 3, 8, 8),
    kind: str = "float32",
    axes: tuple[int, int] = (2, 3),
    keep: bool = False,
) -> bytes:
    """Scores each channel by its mean: three classes for three channels, (N, 3) or, kept, (N, 3, 1, 1)."""
    nodes = [
        helper.make_node("Cast", ["x"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["scores"], keepdims=int(keep)),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("x", TYPES[kind], shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None] * (4 if keep else 2))],
        [numpy_helper.from_array(np.array(axes, np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def for_one_image(labels: int = 3) -> bytes:
    """Drawn for any number of images, but its softmax runs over all that there are: right for one alone."""
    nodes = [
        helper.make_node("Reshape", ["x", "all"], ["values"]),
        helper.make_node("Softmax", ["values"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", labels, 1, 1))],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, None])],
        [numpy_helper.from_array(np.array([1, -1], np.int64), "all")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


def weights_elsewhere(path: str) -> bytes:
    """A network whose weights (192, 3) are in another file."""
    weights = onnx.TensorProto(name="weights", dims=[192, 3], data_type=TensorProto.FLOAT)
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=path)
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "weights"], ["scores"])]
    graph = helper.make_graph(
        nodes,
        "elsewhere",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ("N", 3))],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


def with_unknown_operator() -> bytes:
    """A network that needs code beside ONNX's own."""
    model = onnx.load_from_string(channel_means())
    model.graph.node[0].op_type, model.graph.node[0].domain = "Cast2", "example.own"
    model.opset_import.add(domain="example.own", version=1)
    return model.SerializeToString()


def small_weights() -> bytes:
    """A convolution whose weights are in eight bits, and constants with names such as quantisation gives."""
    nodes = [
        helper.make_node("Mul", ["x", "x_scale"], ["values"]),
        helper.make_node("DequantizeLinear", ["small", "scale", "zero"], ["weights"], axis=0),
        helper.make_node("Conv", ["values", "weights", "values_scale"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["means"]),
        helper.make_node("Flatten", ["means"], ["scores"]),
    ]
    constants = {
        "x_scale": np.full((1, 3, 1, 1), 2, np.float32),
        "values_scale": np.array([-1, 0, 1], np.float32),
        "small": (128 + 100 * np.eye(3)[:, :, None, None]).astype(np.uint8),
        "scale": np.array([0.01, 0.02, 0.03], np.float32),
        "zero": np.full(3, 128, np.uint8),
    }
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ("N", 3))],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
