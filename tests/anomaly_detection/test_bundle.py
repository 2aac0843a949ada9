"""Bundles: content gives the version, and nothing damaged or foreign is ever scored with."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from shared.anomaly_detection import archive
from shared.anomaly_detection.bundle import read_bundle, registry, write_bundle
from shared.anomaly_detection.kernel import decision_values
from shared.anomaly_detection.one_class_svm import PackedModels, SeriesModel, pack
from shared.errors import BundleError
from shared.storage import MemoryBlobs
from tests.anomaly_detection.packs import made_up, models, same

SPAN = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
MODELS = pack([made_up("a", seed=1), made_up("b", ("1", "2"), dims=4, seed=2)])


def write(store: MemoryBlobs, packed: PackedModels = MODELS, **facts: object) -> str:
    about: dict[str, dict[str, object]] = {"features": {"per": "series"}, "parameters": {"nu": 0.05}, "metrics": {}}
    return write_bundle(store, packed, **about | {"metrics": facts}, data_span=SPAN)  # type: ignore[arg-type]


def tamper(store: MemoryBlobs, version: str, part: str, at: int) -> None:
    """Flip the lowest bit of one byte."""
    name = f"anomaly/{version}/{part}"
    blob = store.get(name)
    assert blob is not None
    data = bytearray(blob.data)
    data[at] ^= 1
    store.put(name, bytes(data))


@given(st.lists(models(), max_size=4))
def test_a_bundle_gives_back_the_models_to_the_last_bit(given_models: list[SeriesModel]) -> None:
    store = MemoryBlobs()
    bundle = read_bundle(store, write(store, pack(given_models)))
    assert len(bundle.models) == bundle.manifest.series == len(given_models)
    assert all(same(bundle.models[index], model) for index, model in enumerate(given_models))


def test_the_manifest_tells_what_the_models_were_trained_on_and_how() -> None:
    store = MemoryBlobs()
    manifest = registry(store).manifest(write(store, recall=0.9))
    assert (manifest.data_span, manifest.parameters, manifest.metrics) == (SPAN, {"nu": 0.05}, {"recall": 0.9})
    assert manifest.series == 2


def test_the_same_content_has_the_same_version_and_bytes() -> None:
    one, other = MemoryBlobs(), MemoryBlobs()
    assert write(one) == write(other)
    assert [one.get(info.name).data for info in one.list()] == [other.get(info.name).data for info in other.list()]  # type: ignore[union-attr]


def test_other_models_or_other_facts_have_another_version() -> None:
    store = MemoryBlobs()
    assert len({write(store), write(store, MODELS[:1]), write(store, recall=0.9)}) == 3


def test_any_safetensors_reader_can_open_the_models() -> None:
    arrays = load(archive.to_bytes(MODELS))
    np.testing.assert_array_equal(arrays["vectors"], MODELS.vectors)
    assert json.loads(arrays["names"].tobytes()) == [["a", ["1"]], ["b", ["1", "2"]]]


def test_models_are_read_without_a_copy() -> None:
    data = archive.to_bytes(MODELS)
    read = archive.from_bytes(data)
    assert np.shares_memory(read.vectors, np.frombuffer(data, np.uint8))
    assert np.shares_memory(read[1:].weights, np.frombuffer(data, np.uint8))


def test_every_flipped_byte_of_the_models_is_noticed() -> None:
    store = MemoryBlobs()
    version = write(store)
    for at in range(registry(store).manifest(version).size):
        tamper(store, version, "models.safetensors", at)
        with pytest.raises(BundleError, match="was changed since"):
            read_bundle(store, version)
        tamper(store, version, "models.safetensors", at)
    read_bundle(store, version)


def test_a_changed_manifest_is_noticed() -> None:
    store = MemoryBlobs()
    version = write(store)
    tamper(store, version, "manifest.json", 50)
    with pytest.raises(BundleError, match=f"manifest of bundle {version} was changed"):
        read_bundle(store, version)


def test_a_truncated_bundle_is_named_as_such() -> None:
    store = MemoryBlobs()
    version = write(store)
    store.put(f"anomaly/{version}/models.safetensors", archive.to_bytes(MODELS)[:-1])
    with pytest.raises(BundleError, match=r"of \d+ bytes"):
        read_bundle(store, version)


def test_the_models_of_another_bundle_are_refused() -> None:
    store = MemoryBlobs()
    version = write(store)
    store.put(f"anomaly/{version}/models.safetensors", archive.to_bytes(pack([MODELS[0], made_up(seed=9)])))
    with pytest.raises(BundleError):
        read_bundle(store, version)


@pytest.mark.parametrize("manifest", [b"", b"{}", b"not json", b'{"format":"something else"}'])
def test_a_foreign_manifest_is_refused_even_under_its_own_hash(manifest: bytes) -> None:
    from hashlib import sha256

    store = MemoryBlobs()
    version = sha256(manifest).hexdigest()[:16]
    store.put(f"anomaly/{version}/manifest.json", manifest)
    with pytest.raises(BundleError, match=version):
        read_bundle(store, version)


@pytest.mark.parametrize("data", [b"", b"\x80\x04pickle", bytes(100), b"\xff" * 100])
def test_bytes_that_are_no_models_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="no file of packed models"):
        archive.from_bytes(data)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_no_damage_gets_past_the_reader_as_another_error(noise: bytes, at: int) -> None:
    data = archive.to_bytes(MODELS)
    try:
        archive.from_bytes(data[:at] + noise + data[at + len(noise) :])
    except BundleError:
        pass


SIZES = st.sampled_from([0, 1, 2, 3, 4, 6, 16, 2**31, 2**32, 2**62, -1, -(2**62)])
KINDS = st.sampled_from([np.uint8, np.int64, np.float64])
FIELDS = st.sampled_from(sorted(archive.KINDS))


@given(st.dictionaries(FIELDS, st.tuples(KINDS, st.lists(SIZES, max_size=6)), max_size=4))
def test_whatever_arrays_a_file_holds_no_model_reaches_beyond_them(
    forged: dict[str, tuple[type[np.number], list[int]]],
) -> None:
    arrays = load(archive.to_bytes(MODELS))
    arrays |= {name: np.array(values).astype(kind) for name, (kind, values) in forged.items()}
    try:
        read = archive.from_bytes(save(arrays))
    except BundleError:
        return
    for bounds, array in (
        (read.sensors, read.wandering), (read.features, read.means), (read.features, read.scales),
        (read.support, read.weights), (read.coordinates, read.vectors),
    ):  # fmt: skip
        assert (bounds[0], bounds[-1]) == (0, len(array))
        assert (np.diff(bounds) > 0).all()
    assert (np.diff(read.coordinates) == read.dims * np.diff(read.support)).all()
    with np.errstate(all="ignore"):
        decision_values(read, np.zeros((len(read), 4)), np.arange(len(read) + 1))


def test_sizes_whose_sums_wrap_around_are_refused() -> None:
    arrays = load(archive.to_bytes(pack([made_up(str(n), seed=n) for n in range(5)])))
    arrays |= {"counts": np.array([2**62] * 4 + [6]), "weights": np.ones(6), "vectors": np.ones(12)}
    with pytest.raises(BundleError):
        archive.from_bytes(save(arrays))


@pytest.mark.parametrize("name", archive.NUMBERS)
def test_numbers_of_another_kind_are_refused(name: str) -> None:
    arrays = load(archive.to_bytes(MODELS))
    with pytest.raises(BundleError):
        archive.from_bytes(save(arrays | {name: arrays[name].astype(np.uint8)}))


@pytest.mark.parametrize("offsets", [(2**70, 2**70 + 8), (-8, 0), (8, 0), (0, 8)])
def test_offsets_outside_the_file_are_refused(offsets: tuple[int, int]) -> None:
    array = {"dtype": "U8", "shape": [offsets[1] - offsets[0]], "data_offsets": offsets}
    header = json.dumps(dict.fromkeys(archive.KINDS, array)).encode()
    with pytest.raises(BundleError):
        archive.from_bytes(len(header).to_bytes(8, "little") + header)


def test_a_missing_bundle_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(BundleError, match=r"Bundle 123 has no manifest.json. Train again"):
        read_bundle(MemoryBlobs(), "123")


def test_nothing_is_current_before_it_was_made_so() -> None:
    store = MemoryBlobs()
    write(store)
    assert registry(store).current() is None


def test_the_bundle_made_current_last_is_current() -> None:
    store = MemoryBlobs()
    first, second = write(store), write(store, MODELS[:1])
    for version in (first, second, first):
        registry(store).make_current(version)
        assert registry(store).current() == version
    assert set(registry(store).versions()) == {first, second}


def test_a_bundle_that_is_not_there_cannot_become_current() -> None:
    store = MemoryBlobs()
    with pytest.raises(BundleError):
        registry(store).make_current("123")
    assert registry(store).current() is None


def test_a_bundle_whose_writing_stopped_half_way_is_no_version() -> None:
    store = MemoryBlobs()
    version = write(store)
    store.delete(f"anomaly/{version}/manifest.json")
    assert registry(store).versions() == []


def test_a_damaged_pointer_is_an_error() -> None:
    store = MemoryBlobs()
    store.put("anomaly/current.json", b"{")
    with pytest.raises(BundleError, match=r"current.json cannot be read"):
        registry(store).current()
