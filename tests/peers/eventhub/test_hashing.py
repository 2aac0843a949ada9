"""The partition of a key: the hash against the SDK's own, the partition against the record."""

import json
import random

import pytest
from azure.eventhub._buffered_producer._partition_resolver import compute_hash
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.readings.partition_key import hash_words, last_code, partition_of
from tests.peers.eventhub.conftest import RECORD

KEYS = [f"device-{number}" for number in range(200)]


@settings(max_examples=50)
@given(st.binary(max_size=60))
def test_the_hash_is_the_sdks(data: bytes) -> None:
    assert hash_words(data) == compute_hash(data.decode("latin-1"), 0, 0)


def test_keys_of_every_length_have_the_sdks_hash() -> None:
    letters = random.Random(7)
    for length in range(100):
        key = letters.randbytes(length)
        assert hash_words(key) == compute_hash(key.decode("latin-1"), 0, 0)


@pytest.mark.skipif(not RECORD.exists(), reason=f"{RECORD} is not here.")
def test_keys_go_where_the_service_put_them() -> None:
    operations = {each["name"]: each for each in json.loads(RECORD.read_text())["operations"]}
    facts, fits = operations["partition key"]["facts"], operations["partition key"]["fits"]
    seen = {key: partition_of(key, facts["partitions"]) for key in facts["partition_of"]}
    assert seen == facts["partition_of"]
    for partitions, key, partition in fits["vectors_computed_not_recorded"]:
        assert partition_of(key, partitions) == partition


def test_case_does_not_count_and_other_letters_are_all_the_same() -> None:
    assert [partition_of(key, 32) for key in KEYS] == [partition_of(key.upper(), 32) for key in KEYS]
    assert partition_of("ä", 1024) == partition_of("ß", 1024) == partition_of("?", 1024)


@pytest.mark.parametrize("partitions", [1, 2, 3, 4, 5, 32, 1000, 1024])
def test_partitions_have_equal_ranges_the_first_one_wider(partitions: int) -> None:
    ends = [last_code(number, partitions) for number in range(partitions)]
    widths = [end - before for before, end in zip([-1, *ends], ends, strict=False)]
    assert ends[-1] == 32_766
    assert sorted(set(widths), reverse=True) == list(dict.fromkeys(widths))
    assert max(widths) - min(widths) <= 1
    assert {partition_of(f"device-{number}", partitions) for number in range(200)} <= set(range(partitions))


def test_keys_spread_over_all_partitions() -> None:
    assert {partition_of(key, 8) for key in KEYS} == set(range(8))


def test_what_is_remembered_of_keys_is_bounded() -> None:
    assert partition_of.cache_info().maxsize
