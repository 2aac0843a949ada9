"""`tally models` shows, chooses and adds models; nothing that does not fit becomes current."""

import json
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from bench.reference.resnet import weights as generated
from cli import models
from cli.app import app
from shared.errors import BundleError, InvalidInput, NotFound, TallyError
from shared.image_classification import bundle, recipes
from shared.image_classification.download import Published
from shared.image_classification.model import ImageClassification
from shared.models import serve
from shared.settings import Settings
from shared.storage import MemoryStorage
from tests.image_classification.networks import channel_means
from tests.image_classification.pictures import photo, saved

type Tally = Callable[..., Result]


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> MemoryStorage:
    storage = MemoryStorage()
    monkeypatch.setattr(models, "storage", lambda: storage)
    return storage


@pytest.fixture
def tally() -> Tally:
    return lambda *words: CliRunner().invoke(app, ["models", *map(str, words)], catch_exceptions=False)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network of three labels, with their names beside it."""
    (tmp_path / "means.onnx").write_bytes(channel_means())
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    return tmp_path / "means.onnx"


def added(tally: Tally, network: Path, *more: str) -> Result:
    return tally("add", network, "--labels", network.with_name("labels.txt"), "--resize", 8, "--crop", 8, *more)


def test_a_network_that_others_trained_becomes_current(storage: MemoryStorage, tally: Tally, network: Path) -> None:
    assert "3 labels" in added(tally, network).output
    held = bundle.read(storage.control("bundles"), threads=1)
    assert held.classifier.labels == ("red", "green", "blue")
    assert held.manifest.preprocessing.mean == (0.485, 0.456, 0.406)


def test_presets_are_what_keras_networks_were_trained_on(
    storage: MemoryStorage, tally: Tally, network: Path, tmp_path: Path
) -> None:
    network.write_bytes(channel_means(("N", 8, 8, 3), axes=(1, 2)))
    added(tally, network, "--preset", "caffe", "--filter", "bicubic")
    asked = bundle.read(storage.control("bundles"), threads=1).manifest.preprocessing
    grey = asked.prepare(Image.new("RGB", (9, 9), (123, 116, 103)))
    np.testing.assert_allclose(grey[0, 0], (103 - 103.939, 116 - 116.779, 123 - 123.68), atol=1e-3)
    assert asked.filter == "bicubic"
    added(tally, network, "--preset", "keras")
    asked = bundle.read(storage.control("bundles"), threads=1).manifest.preprocessing
    np.testing.assert_allclose(asked.prepare(Image.new("RGB", (9, 9), (0, 255, 51)))[0, 0], (-1, 1, -0.6), atol=1e-6)


def test_a_network_that_does_not_fit_is_not_published(storage: MemoryStorage, tally: Tally, network: Path) -> None:
    with pytest.raises(BundleError):
        added(tally, network, "--channels", "L")
    with pytest.raises(InvalidInput, match="three numbers"):
        added(tally, network, "--mean", "0.5")
    assert list(storage.control("bundles").list()) == []


def test_versions_are_listed_and_any_can_be_made_current_again(
    storage: MemoryStorage, tally: Tally, network: Path
) -> None:
    added(tally, network)
    added(tally, network, "--mean", "0,0,0")
    registry = bundle.registry(storage.control("bundles"))
    second = registry.current()
    (first,) = set(registry.versions()) - {second}
    shown = tally("list").output
    assert shown.index(first) < shown.index(second)
    assert re.search(rf"{second} +yes", shown)
    tally("use", "image", first)
    assert registry.current() == first
    for kind, version in (("image", "0" * 16), ("weather", first)):
        with pytest.raises((BundleError, NotFound)):
            tally("use", kind, version)
    assert registry.current() == first


def test_what_ships_is_listed_and_can_be_chosen_again(storage: MemoryStorage, tally: Tally, network: Path) -> None:
    shipped = bundle.current(None).version
    listed = {line["kind"]: line for line in map(json.loads, tally("list", "--json").output.splitlines())}
    assert (listed["image"]["version"], listed["image"]["current"], listed["image"]["shipped"]) == (shipped, True, True)
    assert {"faq", "style/wave"} <= listed.keys()
    added(tally, network)
    served = serve(ImageClassification, Settings(), storage)
    assert served.loaded().version != shipped
    assert shipped in tally("use", "image", "shipped").output
    assert bundle.current(storage.control("bundles")).version == shipped
    served.look()
    assert served.loaded().version == shipped
    served.close()
    assert re.search(rf"image +{shipped} +yes +ships with Tally", tally("list").output)


def test_a_version_that_is_none_is_answered_with_those_there_are(
    storage: MemoryStorage, tally: Tally, network: Path
) -> None:
    added(tally, network)
    (version,) = bundle.registry(storage.control("bundles")).versions()
    for kind, wrong, says in (
        ("image", "0" * 16, f"There is no version '{'0' * 16}'. Of image there are: {version}, shipped."),
        ("image", version[:-1] + "x", f"Did you mean {version}?"),
        ("anomaly", "shipped", "No models of kind anomaly ship with Tally. There are: none."),
        ("wave", "shipped", "There is no kind of models 'wave'. Did you mean style/wave?"),
        ("imgae", "shipped", "Did you mean image?"),
    ):
        with pytest.raises(TallyError) as refused:
            tally("use", kind, wrong)
        assert says in str(refused.value)
    assert version in tally("use", "image", version[:6]).output


def test_a_damaged_version_is_listed_as_such(storage: MemoryStorage, tally: Tally, network: Path) -> None:
    added(tally, network)
    (version,) = bundle.registry(storage.control("bundles")).versions()
    storage.control("bundles").put(f"image/{version}/manifest.json", b"{")
    assert re.search(rf"{version}.* damaged", tally("list").output)


def test_a_bundle_can_go_into_a_folder_instead(storage: MemoryStorage, tally: Tally, network: Path) -> None:
    added(tally, network, "--out", str(network.parent / "out"))
    assert bundle.KIND.read_folder(network.parent / "out").content == network.read_bytes()
    assert list(storage.control("bundles").list()) == []


@pytest.mark.parametrize(
    "text",
    ["red\ngreen\n", '["red", "green"]', '{"1": ["", "green"], "0": ["", "red"]}'],
    ids=["lines", "list", "keras"],
)
def test_labels_are_read_as_people_have_them(text: str) -> None:
    assert models.read_labels(text) == ("red", "green")


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": 1}', '{"a": ["b", "c"]}', "5"])
def test_labels_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        models.read_labels(text)


def test_published_weights_become_a_network(
    storage: MemoryStorage, tally: Tally, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("red_fox", "crane", "crane")
    index = json.dumps({str(number): [f"n{number}", name] for number, name in enumerate(names)}).encode()
    weights = safetensors.numpy.save(generated(4, (1, 1, 1, 1), classes=3))
    files = [Published(("https://example.invalid/a",), sha256(data).hexdigest(), 10**6) for data in (weights, index)]
    for file, data in zip(files, (weights, index), strict=True):
        file.place(tmp_path).write_bytes(data)  # fetched before
    monkeypatch.setattr(models, "CACHE", tmp_path)
    recipe = recipes.Recipe(files[0], recipes.resnet_of_safetensors, files[1], {"licence": "none"})
    monkeypatch.setitem(recipes.RECIPES, "resnet152", recipe)
    assert "3 labels" in tally("pull", "resnet152").output
    held = bundle.read(storage.control("bundles"), threads=1)
    assert held.classifier.labels == ("red fox", "crane (n1)", "crane (n2)")
    assert held.manifest.source["sha256"] == files[0].sha256


def test_the_recipes_name_one_file_each_by_its_digest() -> None:
    for recipe in recipes.RECIPES.values():
        for file in (recipe.weights, recipe.labels):
            assert len(bytes.fromhex(file.sha256)) == 32
            assert all(address.startswith("https://") for address in file.addresses)


@pytest.mark.slow
def test_an_eight_bit_copy_says_what_it_gains_and_loses(storage: MemoryStorage, tally: Tally, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "7").mkdir(exist_ok=True)
        (tmp_path / "7" / f"{number}.png").write_bytes(saved(photo().resize((20 + number, 30), Image.Resampling.BOX)))
    shown = tally("quantize", tmp_path).output
    assert "of 3 images in folders named as their label" in " ".join(shown.split())
    assert "of 3 images keep their best label" in shown
    assert "Nothing was published" in shown
    assert bundle.registry(storage.control("bundles")).current() is None
    tally("quantize", tmp_path, "--publish")
    copy = bundle.read(storage.control("bundles"), threads=1)
    assert copy.manifest.metrics["of"] == bundle.current(None).version
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InvalidInput, match="no two images"):
        tally("quantize", tmp_path / "nothing")
