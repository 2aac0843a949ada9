"""A style network gives the same frame whatever its size, its batch, or the memory there is."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from scoring_images.style_transfer import network as module
from scoring_images.style_transfer.network import Network
from scoring_images.style_transfer.tiles import tiles
from shared.errors import BundleError
from tests.scoring_images.style_transfer.networks import normalising, swapping

AMPLE = 500_000_000


def frames(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth pictures, uint8 (count, height, width, 3)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows / random.uniform(5, 30) + columns / random.uniform(5, 30)) for _ in range(3 * count)]
    return (np.stack(waves, -1).reshape(height, width, count, 3).transpose(2, 0, 1, 3) * 100 + 128).astype(np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (50, 34), (1, 1), (3, 70)])
def test_any_size_comes_out_as_it_went_in(size: tuple[int, int]) -> None:
    picture = frames(2, *size)
    styled = Network.open(swapping(), memory_bytes=AMPLE).style(picture)
    assert np.array_equal(styled, picture[..., [2, 0, 1]])


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_a_frame_does_not_depend_on_its_batch(batch: int) -> None:
    pictures = frames(5, 40, 40)
    alone = Network.open(normalising(), memory_bytes=AMPLE, batch=batch)
    one_by_one = np.concatenate([alone.style(picture[None]) for picture in pictures])
    assert np.array_equal(alone.style(pictures), one_by_one)


def small_memory(monkeypatch: pytest.MonkeyPatch, pixels: int, data: bytes = normalising()) -> Network:
    monkeypatch.setattr(Network, "pixels", pixels)
    monkeypatch.setattr(Network, "_statistics_pixels", pixels)
    return Network.open(data, memory_bytes=1)


def test_tiles_with_the_whole_frames_statistics_equal_the_whole_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = frames(1, 330, 470)
    whole = Network.open(normalising(), memory_bytes=AMPLE).style(picture).astype(int)
    monkeypatch.setattr(module, "reduced", lambda frame, pixels: frame)
    tiled = small_memory(monkeypatch, 230 * 230).style(picture)
    assert np.abs(tiled - whole).max() <= 1


def test_tiles_with_reduced_statistics_show_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = frames(1, 330, 470)
    styled = small_memory(monkeypatch, 230 * 230).style(picture)[0].astype(float)
    steps = np.abs(np.diff(styled, axis=1)).mean((0, 2))
    borders = [tile.inner[1].start - 1 for tile in tiles(330, 470, 230 * 230, 4) if tile.inner[1].start]
    assert borders
    assert max(steps[borders]) < 2 * np.median(steps) + 1


def test_newer_operator_sets_are_tiled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_memory(monkeypatch, 200 * 200, normalising(opset=18))
    assert network.style(frames(1, 220, 220)).shape == (1, 220, 220, 3)


@settings(max_examples=60)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(200 * 200, 2000 * 2000))
def test_tiles_cover_every_pixel_once_and_begin_at_the_stride(height: int, width: int, pixels: int) -> None:
    height, width = height + -height % 4, width + -width % 4
    seen = np.zeros((height, width), np.uint8)
    for tile in tiles(height, width, pixels, 4):
        seen[tile.inner] += 1
        rows, columns = tile.outer
        assert rows.start % 4 == columns.start % 4 == 0
        assert (rows.stop - rows.start) * (columns.stop - columns.start) <= 1.3 * pixels
    assert (seen == 1).all()


def test_values_beyond_a_byte_are_clipped() -> None:
    model = onnx.load_model_from_string(swapping())
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.full((3, 3, 1, 1), 2, np.float32), "kernel"))
    styled = Network.open(model.SerializeToString(), memory_bytes=AMPLE).style(np.full((1, 8, 8, 3), 200, np.uint8))
    assert (styled == 255).all()


def _two_inputs() -> bytes:
    model = onnx.load_model_from_string(swapping())
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1]))
    return model.SerializeToString()


def _gray() -> bytes:
    model = onnx.load_model_from_string(swapping())
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1
    return model.SerializeToString()


def _own_operator() -> bytes:
    model = onnx.load_model_from_string(swapping())
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.graph.node[0].domain = "mine"
    return model.SerializeToString()


def _weights_elsewhere() -> bytes:
    model = onnx.load_model_from_string(swapping())
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return model.SerializeToString()


@pytest.mark.parametrize(
    "data", [b"", b"no model", swapping()[:-40], _two_inputs(), _gray(), _own_operator(), _weights_elsewhere()]
)
def test_what_is_no_style_network_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="style network"):
        Network.open(data, memory_bytes=AMPLE)
