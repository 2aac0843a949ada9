"""Styles are checked, versioned, and used from one write on."""

from pathlib import Path

import pytest

from shared.errors import BundleError, InvalidInput
from shared.models.style import describe, encode, names, publish, read_style, write_style
from shared.storage import MemoryBlobs

NOTHING = Path("/nonexistent")
ONE, TWO = b"network one", b"network two"


def test_a_published_style_is_the_one_in_use_and_repeating_changes_nothing() -> None:
    bundles = MemoryBlobs()
    publish(bundles, ONE, describe("wave", ONE))
    version = publish(bundles, TWO, describe("wave", TWO))
    assert publish(bundles, TWO, describe("wave", TWO)) == version
    manifest, network = read_style("wave", NOTHING, bundles)
    assert (network, manifest.version) == (TWO, version)


def test_a_trained_style_goes_before_the_one_that_ships(tmp_path: Path) -> None:
    write_style(tmp_path / "wave", ONE, describe("wave", ONE))
    write_style(tmp_path / "scream", ONE, describe("scream", ONE))
    bundles = MemoryBlobs()
    publish(bundles, TWO, describe("wave", TWO))
    assert read_style("wave", tmp_path, bundles)[1] == TWO
    assert read_style("wave", tmp_path, None)[1] == ONE
    assert list(names(tmp_path, bundles)) == ["scream", "wave", "wave"]


def test_a_style_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    write_style(tmp_path / "wave", ONE, describe("wave", ONE))
    with pytest.raises(InvalidInput, match="There are: wave"):
        read_style("waves", tmp_path, MemoryBlobs())


@pytest.mark.parametrize("name", ["", "../wave", "Wave", "a b", "wave\n", "-wave", "a" * 41])
def test_a_name_that_could_be_a_path_is_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="name of a style"):
        read_style(name, NOTHING, None)


def test_a_changed_network_or_manifest_is_refused() -> None:
    bundles = MemoryBlobs()
    manifest = describe("wave", ONE)
    version = publish(bundles, ONE, manifest)
    bundles.put(f"style/wave/{version}/network.onnx", TWO)
    with pytest.raises(BundleError, match="not the one its manifest names"):
        read_style("wave", NOTHING, bundles)
    for text in (b"", b"{}", encode(manifest).replace(b"tally style 1", b"tally style 9")):
        bundles.put(f"style/wave/{version}/manifest.json", text)
        with pytest.raises(BundleError, match="Train it again"):
            read_style("wave", NOTHING, bundles)
