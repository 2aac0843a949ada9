"""The exported network: half-precision weights, any size, and a last convolution that is the same written otherwise."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from scoring_images.style_training.export import MIDDLE, SCALE, Graph, over_blocks, to_onnx


def weights(width: int = 4, blocks: int = 1, smooth: bool = True) -> dict:
    """Small random weights, named as the network names them."""
    random = np.random.default_rng(0)
    shapes = {"into": (width, 3, 9), "down1": (2 * width, width, 3), "down2": (4 * width, 2 * width, 3)}
    shapes |= {f"blocks.{n}.{part}": (4 * width, 4 * width, 3) for n in range(blocks) for part in ("first", "second")}
    shapes |= {"up1": (2 * width, 4 * width, 3), "up2": (width, 2 * width, 3), "out": (3, width, 9)}
    made = {}
    for name, (outputs, inputs, side) in shapes.items():
        made[f"{name}.weight"] = random.normal(0, 0.1, (outputs, inputs, side, side)).astype(np.float32)
        made[f"{name}.bias"] = np.zeros(outputs, np.float32)
        made |= {
            f"{name}_norm.weight": np.ones(outputs, np.float32),
            f"{name}_norm.bias": np.zeros(outputs, np.float32),
        }
    return made | ({"blur": np.full((4, 4), 1 / 16, np.float32)} if smooth else {})


def session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model, options)


def convolved(image: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    graph = Graph("image")
    graph.add("Conv", graph.constant(kernel), strides=[stride, stride])
    if stride == 2:
        graph.add("DepthToSpace", blocksize=2, mode="CRD")
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 4) for name in ("image", graph.end)]
    whole = helper.make_graph(graph.nodes, "test", info[:1], info[1:], graph.weights)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return session(model.SerializeToString()).run(None, {"image": image})[0]


def test_the_last_convolution_over_blocks_is_the_plain_one():
    random = np.random.default_rng(1)
    image = random.normal(size=(2, 5, 20, 28)).astype(np.float32)
    kernel = random.normal(size=(3, 5, 9, 9)).astype(np.float32)
    np.testing.assert_allclose(convolved(image, over_blocks(kernel), 2), convolved(image, kernel, 1), atol=1e-4)


@pytest.mark.parametrize("smooth", [True, False])
def test_a_network_takes_any_number_of_images_of_any_size(smooth):
    run = session(to_onnx(weights(smooth=smooth)))
    for shape in ((1, 3, 32, 48), (3, 3, 40, 16)):
        image = np.random.default_rng(2).uniform(0, 255, shape).astype(np.float32)
        (styled,) = run.run(None, {"image": image})
        assert styled.shape == shape
        assert np.isfinite(styled).all()


def test_images_of_a_batch_do_not_see_each_other():
    run = session(to_onnx(weights()))
    images = np.random.default_rng(3).uniform(0, 255, (2, 3, 32, 32)).astype(np.float32)
    (both,), (second,) = run.run(None, {"image": images}), run.run(None, {"image": images[1:]})
    np.testing.assert_allclose(both[1:], second, atol=1e-3)


def test_weights_are_kept_in_half_precision():
    model = onnx.load_from_string(to_onnx(weights()))
    kinds = {tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}


def test_an_image_in_the_middle_of_its_range_is_zero_to_the_first_convolution():
    made = weights() | {"out.weight": np.zeros((3, 4, 9, 9), np.float32), "out.bias": np.full(3, 0.5, np.float32)}
    (styled,) = session(to_onnx(made)).run(None, {"image": np.full((1, 3, 16, 16), MIDDLE, np.float32)})
    np.testing.assert_allclose(styled, MIDDLE + 0.5 * SCALE, atol=0.1)
