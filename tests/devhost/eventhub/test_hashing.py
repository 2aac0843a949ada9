"""The partition of a key, against the SDK's own resolver."""

import random

from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.readings.partition_key import partition_of


@settings(max_examples=50)
@given(st.text(st.characters(codec="ascii"), max_size=60), st.integers(1, 64))
def test_a_key_goes_where_the_sdks_hash_sends_it(key: str, partitions: int) -> None:
    assert partition_of(key, partitions) == abs(generate_hash_code(key)) % partitions


def test_keys_of_every_length_agree_with_the_sdk() -> None:
    letters = random.Random(7)
    for length in range(100):
        key = "".join(letters.choices("abcdefgh-0123456789", k=length))
        assert partition_of(key, 32) == abs(generate_hash_code(key)) % 32


def test_keys_spread_over_all_partitions() -> None:
    assert {partition_of(f"device-{number}", 8) for number in range(200)} == set(range(8))
