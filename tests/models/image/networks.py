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
