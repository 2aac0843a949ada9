"""What a peer has proved it may use: by shared access signature, or by a token of the stand-in identity endpoint.

https://learn.microsoft.com/azure/event-hubs/authenticate-shared-access-signature
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote

from peers import jwt
from peers.eventhub import wording
from peers.eventhub.amqp.error import AmqpError, Condition

RESOURCE = "https://eventhubs.azure.net"
"""What a token of Microsoft Entra ID has to be for."""
_PREFIX = "SharedAccessSignature "


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A shared access policy: its name and its key."""

    name: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What tokens are checked with: the policy, and the identity endpoint's secret; without one it has no tokens."""

    policy: SharedKey
    identity: str = field(default="", repr=False)


class Kind(Enum):
    """How the holder of a token is told on links: the service's name for it, and its number."""

    SIGNATURE = "NamespaceSAS", 2
    IDENTITY = "AAD", 4


@dataclass(frozen=True, slots=True)
class Grant:
    """A node and everything below it, until a time in seconds since 1970, to a policy or an application."""

    path: tuple[str, ...]
    expires: float
    holder: str = ""
    kind: Kind = Kind.SIGNATURE

    def covers(self, path: tuple[str, ...], now: float) -> bool:
        """Whether the grant is live and `path` lies within it."""
        return now < self.expires and path[: len(self.path)] == self.path


class Grants:
    """All a peer has proved."""

    def __init__(self) -> None:
        self._grants: dict[tuple[str, ...], Grant] = {}

    def add(self, grant: Grant) -> None:
        """Takes a grant in place of an earlier one for the same node."""
        self._grants[grant.path] = grant

    def cover(self, path: tuple[str, ...], now: float) -> Grant | None:
        """The first live grant that covers the node at `path`."""
        return next((grant for grant in self._grants.values() if grant.covers(path, now)), None)

    def next_expiry(self, now: float) -> float | None:
        """Forgets what has expired; when the next one will, in seconds since 1970."""
        self._grants = {path: grant for path, grant in self._grants.items() if now < grant.expires}
        return min((grant.expires for grant in self._grants.values()), default=None)


def path_of(address: str) -> tuple[str, ...]:
    """The segments of an address or audience, lower-cased, without scheme and host."""
    rest = address.partition("://")[2].partition("/")[2] if "://" in address else address
    return tuple(segment for segment in rest.lower().split("/") if segment)


def verify(token: str, audience: str, keys: Keys, now: float) -> Grant:
    """The grant a token of either kind gives for `audience`. AmqpError (auth-failed) if it gives none."""
    if not token.startswith(_PREFIX):
        return _verify_identity(token, audience, keys.identity, now)
    fields = dict(part.partition("=")[::2] for part in token.removeprefix(_PREFIX).split("&"))
    resource, expiry, name = fields.get("sr", ""), fields.get("se", ""), unquote(fields.get("skn", ""))
    if not re.fullmatch("[0-9]{1,12}", expiry):
        raise _refused("MalformedToken: The token has no expiry.")
    if name != keys.policy.name:
        raise _refused(wording.tracked(wording.INVALID_SIGNATURE, "NoSystemTracker"))
    if not _signed(resource, expiry, unquote(fields.get("sig", "")), keys.policy):
        raise _refused(wording.INVALID_SIGNATURE)
    if int(expiry) <= now:
        raise _refused("ExpiredToken: The token is expired.")
    if not _within(audience, unquote(resource)):
        raise _refused("InvalidAudience: The token is for something else.")
    return Grant(path_of(audience), int(expiry), name)


def _verify_identity(token: str, audience: str, secret: str, now: float) -> Grant:
    claims = jwt.claims_of(token, secret)
    if claims is None:
        raise _refused(wording.INVALID_SIGNATURE)
    if str(claims.get("aud")).rstrip("/") != RESOURCE:
        raise _refused("InvalidAudience: The token is for something else.")
    if claims["exp"] <= now:
        raise _refused("ExpiredToken: The token is expired.")
    return Grant(path_of(audience), claims["exp"], str(claims.get("oid")), Kind.IDENTITY)


def resource_of(token: str) -> str:
    """What a shared access signature is for, as it says itself; empty for other tokens."""
    found = re.search(r"[ &]sr=([^&]*)", token)
    return unquote(found[1]) if found else ""


def _within(audience: str, resource: str) -> bool:
    path = path_of(resource)
    same_host = host_of(audience) == host_of(resource)
    return same_host and path_of(audience)[: len(path)] == path


def host_of(address: str) -> str:
    """Host and port in an address, lower-cased; empty if there is none."""
    return "".join(address.lower().split("/")[2:3])


def _signed(resource: str, expiry: str, signature: str, key: SharedKey) -> bool:
    digest = hmac.new(key.key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode())


def _refused(description: str) -> AmqpError:
    return AmqpError(Condition.AUTH_FAILED, description)
