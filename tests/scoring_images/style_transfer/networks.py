"""Small networks whose output is known: colours turned round, and one that normalises as style networks do."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def _model(nodes: list, weights: dict[str, np.ndarray], opset: int = 17) -> bytes:
    sizes = ["N", 3, "H", "W"]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)
    styled = helper.make_tensor_value_info("styled", TensorProto.FLOAT, sizes)
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "style", [image], [styled], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9).SerializeToString()


def swapping() -> bytes:
    """Red, green, blue become blue, red, green; values are kept."""
    kernel = np.zeros((3, 3, 1, 1), np.float32)
    kernel[0, 2] = kernel[1, 0] = kernel[2, 1] = 1
    return _model([helper.make_node("Conv", ["image", "kernel"], ["styled"])], {"kernel": kernel})


def normalising(opset: int = 17) -> bytes:
    """Two 5x5 convolutions, each followed by an instance norm; output about 128 with a deviation of 40."""
    random = np.random.default_rng(1)
    weights = {
        "one": random.normal(0, 0.1, (8, 3, 5, 5)).astype(np.float32),
        "two": random.normal(0, 0.1, (3, 8, 5, 5)).astype(np.float32),
        "scale_one": np.linspace(0.5, 2, 8, dtype=np.float32),
        "bias_one": np.linspace(-1, 1, 8, dtype=np.float32),
        "scale_two": np.array([40, 50, 60], np.float32),
        "bias_two": np.array([128, 100, 150], np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "one"], ["a"], auto_pad="SAME_UPPER", kernel_shape=[5, 5]),
        helper.make_node("InstanceNormalization", ["a", "scale_one", "bias_one"], ["b"], epsilon=1e-4),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Conv", ["c", "two"], ["d"], auto_pad="SAME_UPPER", kernel_shape=[5, 5]),
        helper.make_node("InstanceNormalization", ["d", "scale_two", "bias_two"], ["styled"], epsilon=1e-4),
    ]
    return _model(nodes, weights, opset)
