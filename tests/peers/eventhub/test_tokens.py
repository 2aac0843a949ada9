"""What a shared access signature opens."""

import time
from urllib.parse import quote

import pytest
from azure.eventhub._pyamqp.utils import generate_sas_token
from hypothesis import given, settings
from hypothesis import strategies as st

from peers import jwt
from peers.eventhub.amqp.error import AmqpError
from peers.eventhub.tokens import RESOURCE, Keys, Kind, SharedKey, path_of, verify
from tests.peers.eventhub.conftest import IDENTITY, KEY

AUDIENCE = "sb://127.0.0.1:5672/Hub/consumergroups/$Default"
NOW = time.time()
KEYS = Keys(KEY, IDENTITY)


def token(resource: str = AUDIENCE, name: str = KEY.name, key: str = KEY.key, expires: float = NOW + 60) -> str:
    signed: str = generate_sas_token(resource, name, key, int(expires))
    return signed


def identity_token(secret: str = IDENTITY, **claims: object) -> str:
    return jwt.signed({"aud": f"{RESOURCE}/", "oid": "an-application", "exp": int(NOW) + 60} | claims, secret)


def test_a_token_of_the_identity_endpoint_opens_what_it_is_put_for() -> None:
    grant = verify(identity_token(), AUDIENCE, KEYS, NOW)
    assert grant.covers(("hub", "consumergroups", "$default", "partitions", "0"), NOW)
    assert not grant.covers(("other",), NOW)
    assert not grant.covers(grant.path, NOW + 61)
    assert (grant.holder, grant.kind) == ("an-application", Kind.IDENTITY)


def test_without_an_identity_endpoint_its_tokens_open_nothing() -> None:
    with pytest.raises(AmqpError, match="InvalidSignature"):
        verify(identity_token(secret=""), AUDIENCE, Keys(KEY), NOW)


@pytest.mark.parametrize(
    "resource", [AUDIENCE, "sb://127.0.0.1:5672/hub", "sb://127.0.0.1:5672/", "sb://127.0.0.1:5672"]
)
def test_a_token_opens_its_resource_and_all_below(resource: str) -> None:
    grant = verify(token(resource), AUDIENCE, KEYS, NOW)
    assert grant.covers(("hub", "consumergroups", "$default", "partitions", "0"), NOW)
    assert not grant.covers(("hub", "partitions", "0"), NOW)
    assert not grant.covers(("other",), NOW)


def test_a_grant_ends_with_its_token() -> None:
    grant = verify(token(expires=NOW + 60), AUDIENCE, KEYS, NOW)
    assert not grant.covers(grant.path, NOW + 61)


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        (token(key="d3Jvbmc="), "InvalidSignature"),
        (token(name="somebody"), "InvalidSignature.*TrackingId"),
        (token(expires=NOW - 1), "ExpiredToken"),
        (token("sb://127.0.0.1:5672/hu"), "InvalidAudience"),
        (token("sb://127.0.0.1:5673/hub"), "InvalidAudience"),
        (token().replace("se=", "se=9"), "InvalidSignature"),
        (token().replace("se=", "se=x"), "MalformedToken"),
        (token().removeprefix("SharedAccessSignature "), "InvalidSignature"),
        ("", "InvalidSignature"),
        (identity_token(secret="of another"), "InvalidSignature"),
        (identity_token(aud="https://storage.azure.com"), "InvalidAudience"),
        (identity_token(exp=int(NOW) - 1), "ExpiredToken"),
    ],
)
def test_a_token_that_does_not_fit_opens_nothing(offered: str, reason: str) -> None:
    with pytest.raises(AmqpError, match=reason):
        verify(offered, AUDIENCE, KEYS, NOW)


@settings(max_examples=30)
@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    for offered in (
        text,
        f"SharedAccessSignature {text}",
        f"SharedAccessSignature sr=a&se=1&skn=policy&sig={quote(text)}",
    ):
        with pytest.raises(AmqpError):
            verify(offered, AUDIENCE, KEYS, 0)


def test_a_key_is_not_shown() -> None:
    assert "topsecret" not in repr(SharedKey("policy", "topsecret"))


@pytest.mark.parametrize(
    "address",
    ["Hub/Partitions/0", "/hub/partitions/0/", "amqps://host:1/hub/Partitions/0", "sb://host/hub//partitions/0"],
)
def test_an_address_is_a_path_however_it_is_written(address: str) -> None:
    assert path_of(address) == ("hub", "partitions", "0")
