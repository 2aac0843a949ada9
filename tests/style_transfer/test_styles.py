"""Styles are checked, versioned, and used from one write on."""

from pathlib import Path

import pytest

from shared.errors import BundleError, InvalidInput
from shared.storage import MemoryBlobs
from shared.style_transfer.styles import KIND, names, publish, read_style

NOTHING = Path("/nonexistent")
ONE, TWO = b"network one", b"network two"
FACTS: dict[str, dict[str, object]] = {"painting": {"title": "The Wave"}, "parameters": {}, "metrics": {}}


def test_a_published_style_is_the_one_in_use_and_repeating_changes_nothing() -> None:
    bundles = MemoryBlobs()
    publish(bundles, "wave", ONE, **FACTS)
    version = publish(bundles, "wave", TWO, **FACTS)
    assert publish(bundles, "wave", TWO, **FACTS) == version
    style = read_style("wave", NOTHING, bundles)
    assert (style.content, style.version, style.manifest.painting) == (TWO, version, FACTS["painting"])


def test_a_trained_style_goes_before_the_one_that_ships(tmp_path: Path) -> None:
    KIND.write_folder(tmp_path / "wave", ONE, name="wave", **FACTS)
    KIND.write_folder(tmp_path / "scream", ONE, name="scream", **FACTS)
    bundles = MemoryBlobs()
    publish(bundles, "wave", TWO, **FACTS)
    assert read_style("wave", tmp_path, bundles).content == TWO
    assert read_style("wave", tmp_path, None).content == ONE
    assert list(names(tmp_path, bundles)) == ["scream", "wave", "wave"]


def test_a_style_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    KIND.write_folder(tmp_path / "wave", ONE, name="wave", **FACTS)
    with pytest.raises(InvalidInput, match="There are: wave"):
        read_style("waves", tmp_path, MemoryBlobs())


@pytest.mark.parametrize("name", ["", "../wave", "Wave", "a b", "wave\n", "-wave", "a" * 41])
def test_a_name_that_could_be_a_path_is_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="name of a style"):
        read_style(name, NOTHING, None)


def test_a_changed_network_is_refused(tmp_path: Path) -> None:
    KIND.write_folder(tmp_path / "wave", ONE, name="wave", **FACTS)
    (tmp_path / "wave" / "network.onnx").write_bytes(ONE.replace(b"one", b"two"))
    with pytest.raises(BundleError, match="was changed since it was written"):
        read_style("wave", tmp_path, None)


@pytest.mark.parametrize(("old", "new"), [(b"tally style 1", b"tally style 9"), (b"{", b""), (b'"wave"', b'"sea"')])
def test_a_foreign_manifest_is_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    KIND.write_folder(tmp_path / "wave", ONE, name="wave", **FACTS)
    manifest = tmp_path / "wave" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(old, new, 1))
    with pytest.raises(BundleError, match="Train it again"):
        read_style("wave", tmp_path, None)
