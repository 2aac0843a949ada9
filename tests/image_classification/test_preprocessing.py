"""Images become inputs as torchvision makes them: to a grey level of a plain second implementation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.image_classification.preprocessing import Preprocessing
from tests.image_classification.pictures import photo

PLAIN = Preprocessing(resize=16, crop=12, mean=(0, 0, 0), std=(1, 1, 1))


def triangle(image: np.ndarray, side: int, axis: int) -> np.ndarray:
    """Resampling with a triangle as wide as the scale (https://pillow.readthedocs.io, filters): plain and slow."""
    image = np.moveaxis(image.astype(float), axis, 0)
    scale = len(image) / side
    support = max(scale, 1)
    rows = []
    for at in range(side):
        centre = (at + 0.5) * scale
        sources = np.arange(max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), len(image)))
        weights = np.clip(1 - np.abs(sources + 0.5 - centre) / support, 0, None)
        rows.append(np.tensordot(weights / weights.sum(), image[sources], 1))
    return np.moveaxis(np.round(np.array(rows)), 0, axis)


@pytest.mark.parametrize(
    "size", [(48, 32), (32, 48), (17, 90), (16, 16), (9, 13), (333, 201), (49, 98), (150, 7), (5, 301)]
)
def test_pixels_are_within_one_level_of_a_plain_implementation(size: tuple[int, int]) -> None:
    image = photo(*size)
    width, height = (int(16 * side / min(size)) for side in size)
    resized = triangle(triangle(np.asarray(image), width, 1), height, 0)
    left, top = (round((side - 12) / 2) for side in (width, height))
    expected = resized[top : top + 12, left : left + 12]
    assert np.abs(np.asarray(PLAIN.cut(image)).astype(float) - expected).max() <= 1


@pytest.mark.parametrize(("side", "first"), [(8, 2), (7, 1), (6, 0), (5, 0), (4, 0), (3, -1), (2, -1)])
def test_the_cut_is_where_torchvision_makes_it(side: int, first: int) -> None:
    """CenterCrop's corner is int(round((side - crop) / 2)); a smaller image gets (crop - side) // 2 of black before."""
    made = Preprocessing(resize=side, crop=5).cut(
        Image.fromarray(np.arange(1, side + 1, dtype=np.uint8)[:, None].repeat(side, 1))
    )
    rows = np.asarray(made)[:, 2]
    assert rows.tolist() == [row if 1 <= row <= side else 0 for row in range(first + 1, first + 6)]


@pytest.mark.parametrize("size", [(1_000_000, 1), (1, 3_000_000)])
@pytest.mark.parametrize("crop", [224, 300])
def test_a_line_of_pixels_does_not_fill_the_memory(size: tuple[int, int], crop: int) -> None:
    made = np.asarray(Preprocessing(crop=crop).cut(Image.new("RGB", size, "white")))
    assert made.shape == (crop, crop, 3)
    assert (made == 255).sum() == min(crop, 256) * crop * 3


def test_inputs_are_those_of_torchvision_to_the_last_bit() -> None:
    transforms = pytest.importorskip("torchvision.transforms", reason="torchvision is not installed")
    asked = Preprocessing()
    steps = [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()]
    theirs = transforms.Compose([*steps, transforms.Normalize(asked.mean, asked.std)])
    for size in ((48, 32), (300, 700), (49, 98), (256, 256)):
        np.testing.assert_array_equal(asked.prepare(photo(*size)), theirs(photo(*size)).numpy())


def test_values_are_normalized_by_channel_and_laid_out_as_asked() -> None:
    image = Image.new("RGB", (20, 30), (255, 0, 51))
    asked = Preprocessing(resize=16, crop=12, mean=(0.5, 0.25, 0), std=(0.5, 0.25, 0.1))
    made = asked.prepare(image)
    assert (made.shape, made.dtype) == ((3, 12, 12), np.float32)
    np.testing.assert_allclose(made[:, 5, 5], [1, -1, 2], rtol=1e-6)
    turned = Preprocessing(
        resize=16, crop=12, channels="BGR", layout="NHWC", input="float16", mean=(0, 0, 0), std=(1, 1, 1)
    )
    made = turned.prepare(image)
    assert (made.shape, made.dtype) == ((12, 12, 3), np.float16)
    np.testing.assert_allclose(made[0, 0], [0.2, 0, 1], rtol=1e-3)


def test_a_network_of_bytes_gets_the_pixels_and_a_grey_one_one_channel() -> None:
    image = Image.new("RGB", (20, 30), (200, 100, 50))
    assert Preprocessing(resize=8, crop=8, input="uint8").prepare(image)[:, 0, 0].tolist() == [200, 100, 50]
    grey = Preprocessing(resize=8, crop=8, input="uint8", channels="L").prepare(image)
    assert (grey.shape, grey[0, 0, 0]) == ((1, 8, 8), 124)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 30), st.integers(1, 40))
def test_every_size_gives_the_shape_that_is_promised(width: int, height: int, resize: int, crop: int) -> None:
    asked = Preprocessing(resize=resize, crop=crop)
    assert asked.prepare(Image.new("RGB", (width, height))).shape == asked.shape == (3, crop, crop)
