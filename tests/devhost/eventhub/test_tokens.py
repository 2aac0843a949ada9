"""What a shared access signature opens."""

import time
from urllib.parse import quote

import pytest
from azure.eventhub._pyamqp.utils import generate_sas_token
from hypothesis import given, settings
from hypothesis import strategies as st

from devhost.eventhub.amqp.error import AmqpError
from devhost.eventhub.tokens import SharedKey, path_of, verify
from tests.devhost.eventhub.conftest import KEY

AUDIENCE = "sb://127.0.0.1:5672/Hub/consumergroups/$Default"
NOW = time.time()


def token(resource: str = AUDIENCE, name: str = KEY.name, key: str = KEY.key, expires: float = NOW + 60) -> str:
    signed: str = generate_sas_token(resource, name, key, int(expires))
    return signed


@pytest.mark.parametrize(
    "resource", [AUDIENCE, "sb://127.0.0.1:5672/hub", "sb://127.0.0.1:5672/", "sb://127.0.0.1:5672"]
)
def test_a_token_opens_its_resource_and_all_below(resource: str) -> None:
    grant = verify(token(resource), AUDIENCE, KEY, NOW)
    assert grant.covers(("hub", "consumergroups", "$default", "partitions", "0"), NOW)
    assert not grant.covers(("hub", "partitions", "0"), NOW)
    assert not grant.covers(("other",), NOW)


def test_a_grant_ends_with_its_token() -> None:
    grant = verify(token(expires=NOW + 60), AUDIENCE, KEY, NOW)
    assert not grant.covers(grant.path, NOW + 61)


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (token(key="d3Jvbmc="), "wrong key name or signature"),
        (token(name="somebody"), "wrong key name or signature"),
        (token(expires=NOW - 1), "expired"),
        (token("sb://127.0.0.1:5672/hu"), "something else"),
        (token("sb://127.0.0.1:5673/hub"), "something else"),
        (token().replace("se=", "se=9"), "wrong key name or signature"),
        (token().replace("se=", "se=x"), "not a shared access signature"),
        (token().removeprefix("SharedAccessSignature "), "not a shared access signature"),
        ("", "not a shared access signature"),
    ],
)
def test_a_token_that_does_not_fit_opens_nothing(offered: str, reason: str) -> None:
    with pytest.raises(AmqpError, match=reason):
        verify(offered, AUDIENCE, KEY, NOW)


@settings(max_examples=30)
@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    for offered in (
        text,
        f"SharedAccessSignature {text}",
        f"SharedAccessSignature sr=a&se=1&skn=policy&sig={quote(text)}",
    ):
        with pytest.raises(AmqpError):
            verify(f"SharedAccessSignature {offered}", AUDIENCE, KEY, 0)


def test_a_key_is_not_shown() -> None:
    assert "topsecret" not in repr(SharedKey("policy", "topsecret"))


@pytest.mark.parametrize(
    "address",
    ["Hub/Partitions/0", "/hub/partitions/0/", "amqps://host:1/hub/Partitions/0", "sb://host/hub//partitions/0"],
)
def test_an_address_is_a_path_however_it_is_written(address: str) -> None:
    assert path_of(address) == ("hub", "partitions", "0")
