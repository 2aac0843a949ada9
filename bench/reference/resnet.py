"""ResNet-152 (He et al. 2015, with torchvision's stride in the 3x3 convolution) with generated weights, as ONNX."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLOCKS = (3, 8, 36, 3)


def layers(blocks: tuple[int, ...] = BLOCKS) -> Iterator[tuple[str, int, int, int, int]]:
    """Name, outputs, inputs, kernel and stride of every convolution, in the order of the network."""
    yield "stem", 64, 3, 7, 2
    inputs = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for number in range(count):
            name, stride = f"{stage}.{number}", 2 if stage and not number else 1
            yield f"{name}.1", width, inputs, 1, 1
            yield f"{name}.2", width, width, 3, stride
            yield f"{name}.3", 4 * width, width, 1, 1
            if not number:
                yield f"{name}.down", 4 * width, inputs, 1, stride
            inputs = 4 * width


def weights(blocks: tuple[int, ...] = BLOCKS) -> dict[str, np.ndarray]:
    """Weights that keep values within bounds; each convolution's normalisation is a scale and a shift per channel."""
    random, made = np.random.default_rng(0), {}
    for name, outputs, inputs, side, _ in layers(blocks):
        scale = np.sqrt(2 / (inputs * side * side))
        made[name] = random.normal(0, scale, (outputs, inputs, side, side)).astype(np.float32)
        made[f"{name}.scale"] = np.full(outputs, 0.2 if name.endswith(".3") else 1, np.float32)
        made[f"{name}.shift"] = random.normal(0, 0.1, outputs).astype(np.float32)
    inputs = 256 << (len(blocks) - 1)
    made["head"] = random.normal(0, 0.02, (1000, inputs)).astype(np.float32)
    made["bias"] = np.zeros(1000, np.float32)
    return made


def to_onnx(given: dict[str, np.ndarray], blocks: tuple[int, ...] = BLOCKS) -> bytes:
    """The network (N, 3, H, W) to (N, 1000), normalisations as their own nodes."""
    strides = {name: stride for name, _, _, _, stride in layers(blocks)}
    nodes: list[onnx.NodeProto] = []
    given = given | {"zero": np.zeros(2048, np.float32), "one": np.ones(2048, np.float32)}
    constants = {name: values for name, values in given.items() if name not in ("zero", "one")}

    def convolved(name: str, source: str, relu: bool = True) -> str:
        outputs, side = given[name].shape[0], given[name].shape[2]
        constants[f"zero{outputs}"], constants[f"one{outputs}"] = given["zero"][:outputs], given["one"][:outputs]
        stride = [strides[name]] * 2
        nodes.append(helper.make_node("Conv", [source, name], [f"{name}c"], strides=stride, pads=[side // 2] * 4))
        normal = [f"{name}c", f"{name}.scale", f"{name}.shift", f"zero{outputs}", f"one{outputs}"]
        nodes.append(helper.make_node("BatchNormalization", normal, [f"{name}n"], epsilon=0.0))
        return rectified(f"{name}n") if relu else f"{name}n"

    def rectified(source: str) -> str:
        nodes.append(helper.make_node("Relu", [source], [f"{source}r"]))
        return f"{source}r"

    at = convolved("stem", "image")
    nodes.append(helper.make_node("MaxPool", [at], ["pooled"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4))
    at = "pooled"
    for stage, count in enumerate(blocks):
        for number in range(count):
            name = f"{stage}.{number}"
            branch = convolved(f"{name}.3", convolved(f"{name}.2", convolved(f"{name}.1", at)), relu=False)
            straight = at if number else convolved(f"{name}.down", at, relu=False)
            nodes.append(helper.make_node("Add", [branch, straight], [f"{name}.sum"]))
            at = rectified(f"{name}.sum")
    nodes.append(helper.make_node("GlobalAveragePool", [at], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["features"]))
    nodes.append(helper.make_node("Gemm", ["features", "head", "bias"], ["scores"], transB=1))
    return _model(nodes, constants)


def _model(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1000])
    held = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "resnet", [image], [scores], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return bytes(model.SerializeToString())
