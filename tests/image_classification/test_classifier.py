"""A classifier is tried before it serves, and answers with probabilities whatever shape its network has."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from shared.errors import BundleError, InvalidInput
from shared.image_classification import bundle
from shared.image_classification.classifier import Classifier
from shared.image_classification.preprocessing import Preprocessing
from shared.storage import MemoryBlobs
from tests.image_classification.networks import channel_means, for_one_image, weights_elsewhere, with_unknown_operator
from tests.image_classification.pictures import saved

LABELS = ("red", "green", "blue")
PLAIN = Preprocessing(resize=8, crop=8, mean=(0, 0, 0), std=(1, 1, 1))
SHARED = Path(__file__).parents[3] / "shared" / "data" / "images"
GREEN = saved(Image.new("RGB", (10, 10), (0, 255, 0)))


def classified(network: bytes, image: bytes = GREEN, asked: Preprocessing = PLAIN) -> list[tuple[str, float]]:
    classifier = Classifier.open(network, LABELS, asked, softmax=True, threads=1)
    row = classifier.classify(classifier.prepare(image, 1000)[None])[0]
    return [(found.label, found.probability) for found in classifier.top(row, 3)]


@pytest.mark.parametrize("shape", [("N", 3, 8, 8), (1, 3, 8, 8), (None, 3, 8, 8), ("N", 3, "H", "W")])
@pytest.mark.parametrize("keep", [False, True])
def test_the_most_probable_label_comes_first(shape: tuple[int | str, ...], keep: bool) -> None:
    found = classified(channel_means(shape, keep=keep))
    assert found[0][0] == "green"
    assert found[0][1] == pytest.approx(np.e / (np.e + 2))
    assert sum(probability for _, probability in found) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["float16", "uint8"])
def test_networks_of_other_numbers_are_served(kind: str) -> None:
    asked = Preprocessing(resize=8, crop=8, mean=(0, 0, 0), std=(1, 1, 1), input=kind, layout="NHWC")  # type: ignore[arg-type]
    assert classified(channel_means(("N", 8, 8, 3), kind, axes=(1, 2)), asked=asked)[0][0] == "green"


def test_a_batch_is_answered_as_its_images_alone_are() -> None:
    for first in ("N", 1):
        classifier = Classifier.open(channel_means((first, 3, 8, 8)), LABELS, PLAIN, softmax=True, threads=1)
        batch = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
        alone = np.concatenate([classifier.classify(image[None]) for image in batch])
        np.testing.assert_allclose(classifier.classify(batch), alone, rtol=1e-6)


@pytest.mark.parametrize(
    ("network", "labels", "asked"),
    [
        (b"", LABELS, PLAIN),
        (b"no network", LABELS, PLAIN),
        (channel_means(), LABELS[:2], PLAIN),
        (channel_means(), LABELS, Preprocessing(resize=16, crop=16)),
        (channel_means(), LABELS, Preprocessing(resize=8, crop=8, channels="L")),
        (channel_means(kind="uint8"), LABELS, PLAIN),
        (channel_means((4, 3, 8, 8)), LABELS, PLAIN),
        (with_unknown_operator(), LABELS, PLAIN),
    ],
)
def test_a_network_that_cannot_be_served_is_refused(
    network: bytes, labels: tuple[str, ...], asked: Preprocessing
) -> None:
    with pytest.raises(BundleError):
        Classifier.open(network, labels, asked, softmax=True, threads=1)


def test_weights_in_other_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(bytes(192 * 3 * 4))
    for path in ("weights.bin", str(tmp_path / "weights.bin"), f"../{tmp_path.name}/weights.bin"):
        with pytest.raises(BundleError, match=r"[Ee]xternal data"):
            Classifier.open(weights_elsewhere(path), LABELS, PLAIN, softmax=True, threads=1)


def test_a_network_that_is_right_for_one_image_alone_gets_one_at_a_time() -> None:
    asked = Preprocessing(resize=1, crop=1)
    classifier = Classifier.open(for_one_image(), LABELS, asked, softmax=False, threads=1)
    batch = np.eye(3, dtype=np.float32)[:, :, None, None]
    np.testing.assert_allclose(classifier.classify(batch).sum(axis=1), 1, rtol=1e-6)
    assert classifier.one_by_one


def test_scores_and_probabilities_are_not_taken_for_each_other() -> None:
    with pytest.raises(BundleError, match="probabilities already"):
        Classifier.open(for_one_image(), LABELS, Preprocessing(resize=1, crop=1), softmax=True, threads=1)
    offset = onnx.load_from_string(channel_means())
    offset.graph.node[1].output[0] = "means"
    offset.graph.initializer.append(numpy_helper.from_array(np.float32(-2), "low"))
    offset.graph.node.append(helper.make_node("Add", ["means", "low"], ["scores"]))
    with pytest.raises(BundleError, match="scores, not probabilities"):
        Classifier.open(offset.SerializeToString(), LABELS, PLAIN, softmax=False, threads=1)


def test_values_that_the_network_makes_no_number_of_are_the_callers_fault() -> None:
    classifier = Classifier.open(channel_means(), LABELS, PLAIN, softmax=True, threads=1)
    with pytest.raises(InvalidInput, match="not a number"):
        classifier.classify(np.full((1, 3, 8, 8), np.nan, np.float32))


def test_the_current_bundle_is_read_or_the_one_that_ships() -> None:
    store = MemoryBlobs()
    shipped = bundle.read(store, threads=1)
    assert shipped.version == bundle.read(None, threads=1).version
    kept = bundle.registry(store)
    version = kept.write(channel_means(), labels=LABELS, preprocessing=PLAIN, softmax=True, source={}, metrics={})
    assert bundle.read(store, threads=1).version == shipped.version
    kept.make_current(version)
    assert bundle.read(store, threads=1).classifier.labels == LABELS


PHOTOS = {
    "cat_720p.jpg": {"Egyptian Mau", "tabby cat", "tiger cat"},
    "kitten_224.png": {"Egyptian Mau", "tabby cat", "tiger cat"},
    "hot_dog.jpg": {"hot dog"},
    "parrot.jpg": {"macaw"},
    "grace_hopper.bmp": {"military uniform", "square academic cap", "academic gown"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_are_classified_as_by_plain_onnx_runtime(name: str) -> None:
    network = SHARED / "models" / "mobilenet_v2_1.0_224_u8w_torchvision.onnx"
    if not network.exists():
        pytest.skip(f"There is no {network}.")
    labels = tuple(json.loads((SHARED / "labels" / "imagenet-simple-labels.json").read_text()))
    classifier = Classifier.open(network.read_bytes(), labels, Preprocessing(), softmax=True, threads=1)
    data = (SHARED / name).read_bytes()
    row = classifier.classify(classifier.prepare(data, 10**7)[None])[0]
    plain = ort.InferenceSession(str(network)).run(None, {"input": plainly_prepared(SHARED / name)})[0][0]
    best = classifier.top(row, 1)[0]
    assert best.label == labels[int(plain.argmax())]
    assert best.label in PHOTOS[name]


def plainly_prepared(path: Path) -> np.ndarray:
    """torchvision's documented steps, with Pillow and NumPy."""
    image = Image.open(path).convert("RGB")
    short, long = sorted(image.size)
    width, height = (256 if side == short else int(256 * long / short) for side in image.size)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    cut = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    values = (np.asarray(cut, np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return values.transpose(2, 0, 1)[None].astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", PHOTOS)
def test_a_network_of_half_precision_for_one_image_is_served_as_plain_onnx_runtime_runs_it(name: str) -> None:
    """SqueezeNet of Caffe: blue first, values from 0 to 255 less the mean, probabilities (1, 1000, 1, 1)."""
    network = SHARED / "models" / "SqueezeNet_fp16.onnx"
    if not network.exists():
        pytest.skip(f"There is no {network}.")
    mean, std = (104 / 255, 117 / 255, 123 / 255), (1 / 255, 1 / 255, 1 / 255)
    asked = Preprocessing(mean=mean, std=std, channels="BGR", input="float16")
    labels = tuple(map(str, range(1000)))
    classifier = Classifier.open(network.read_bytes(), labels, asked, softmax=False, threads=1)
    assert classifier.one_by_one
    prepared = classifier.prepare((SHARED / name).read_bytes(), 10**7)
    rows = classifier.classify(np.stack([prepared, prepared]))
    pixels = np.asarray(asked.cut(Image.open(SHARED / name).convert("RGB")), np.float32)[:, :, ::-1]
    values = (pixels - [104, 117, 123]).transpose(2, 0, 1)[None].astype(np.float16)
    session = ort.InferenceSession(str(network))
    plain = session.run(None, {session.get_inputs()[0].name: values})[0].reshape(-1)
    assert rows.argmax(axis=1).tolist() == [int(plain.argmax())] * 2
    np.testing.assert_allclose(rows[0], plain, atol=0.02)
