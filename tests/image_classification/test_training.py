"""The classifier that ships is a trained one, and `tally train image` makes such of any folder."""

import os
import signal
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from sklearn.neural_network import MLPClassifier
from typer.testing import CliRunner

from cli.app import app
from shared.image_classification import bundle, training
from tests.image_classification.pictures import saved


@pytest.fixture(scope="module")
def shipped() -> bundle.Bundle:
    return bundle.read(None, threads=1)


def right(classifier: bundle.Classifier, pictures: training.Pictures, **file: object) -> float:
    found = [classifier.prepare(saved(image, **file), 10**6) for image in pictures.images]
    labels = [classifier.top(classifier.classify(one[None])[0], 1)[0].label for one in found]
    return sum(map(str.__eq__, labels, pictures.labels)) / len(labels)


def test_ctrl_c_ends_a_training_and_leaves_no_half_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes(tmp_path)

    def interrupted(*batch: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(MLPClassifier, "_backprop", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train(training.folder(tmp_path), side=8, color=False)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_classifier_that_ships_reads_digits_as_well_as_it_says(shipped: bundle.Bundle, form: str) -> None:
    digits = training.digits()
    some = training.Pictures(digits.images[::15], digits.labels[::15], {})
    assert right(shipped.classifier, some, form=form) >= 0.97
    larger = [image.resize((500, 500)) for image in some.images[::4]]
    assert right(shipped.classifier, training.Pictures(larger, some.labels[::4], {}), form=form) >= 0.95
    assert shipped.manifest.metrics["accuracy"] >= 0.97


def shapes(path: Path) -> None:
    """Discs and crosses, twenty of each."""
    for number in range(20):
        for label in ("disc", "cross"):
            image = Image.new("RGB", (40, 40), "white")
            draw, at = ImageDraw.Draw(image), 10 + number % 5
            if label == "disc":
                draw.ellipse((at, 8, at + 20, 28), fill="black")
            else:
                draw.line((at, 8, at + 20, 28), fill="black", width=4)
                draw.line((at + 20, 8, at, 28), fill="black", width=4)
            (path / label).mkdir(parents=True, exist_ok=True)
            (path / label / f"{number}.png").write_bytes(saved(image))


@pytest.mark.slow
def test_a_folder_of_images_becomes_a_bundle(tmp_path: Path) -> None:
    shapes(tmp_path / "in")
    line = ["train", "image", str(tmp_path / "in"), "--side", "12", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, line, catch_exceptions=False)
    assert result.exit_code == 0
    assert "100.0% of 8 images" in result.output
    made = bundle.opened(bundle.KIND.read_folder(tmp_path / "out"), threads=1)
    assert made.classifier.labels == ("cross", "disc")
    assert right(made.classifier, training.folder(tmp_path / "in")) == 1


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(training.InvalidInput, match="two labels"):
        training.folder(tmp_path)
