"""The styles that ship: what their manifests say is true, they are small, and they paint."""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest

from shared.style_transfer.styles import names, read_style

SHIPPED = Path(__file__).parents[3] / "scoring_images" / "style_transfer" / "styles"
NAMES = list(names(SHIPPED, None))


def ramps(height: int, width: int) -> np.ndarray:
    """A picture with every brightness and some colour, (1, 3, H, W)."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([255 * rows / height, 255 * columns / width, 127 + 120 * np.sin(columns / 9)])[None].astype(
        np.float32
    )


def test_three_styles_ship_and_the_default_is_one_of_them():
    assert len(NAMES) >= 3
    assert "wave" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_style_is_what_its_manifest_says_and_small_enough_for_git(name):
    manifest = read_style(name, SHIPPED, None).manifest  # checks the hash
    assert manifest.size <= 2_000_000
    assert {"title", "artist", "year", "licence"} <= manifest.painting.keys()
    assert {"width", "stride", "style_weight", "stability_weight", "steps", "seed"} <= manifest.parameters.keys()
    assert {"style_loss", "content_loss", "shift_error"} <= manifest.metrics.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_style_has_a_preview(name):
    preview = cv2.imread(str(SHIPPED / name / "preview.jpg"))
    assert preview is not None
    assert preview.shape[0] >= 200


@pytest.mark.parametrize("name", NAMES)
def test_a_style_paints_pictures_of_any_size_and_not_all_alike(name):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(read_style(name, SHIPPED, None).content, options)
    for size in ((64, 96), (80, 64)):
        picture = ramps(*size)
        (styled,) = session.run(None, {session.get_inputs()[0].name: picture})
        assert styled.shape == picture.shape
        assert styled.std() > 15
        assert np.abs(styled - picture).mean() > 15
