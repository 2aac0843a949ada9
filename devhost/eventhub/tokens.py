"""Shared access signatures: what a peer has proved it may use.

https://learn.microsoft.com/azure/event-hubs/authenticate-shared-access-signature
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from devhost.eventhub.amqp.error import AmqpError, Condition

_PREFIX = "SharedAccessSignature "


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A shared access policy: its name and its key."""

    name: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A node and everything below it, until a time in seconds since 1970."""

    path: tuple[str, ...]
    expires: float

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

    def cover(self, path: tuple[str, ...], now: float) -> bool:
        """Whether a live grant covers the node at `path`."""
        return any(grant.covers(path, now) for grant in self._grants.values())

    def next_expiry(self, now: float) -> float | None:
        """Forgets what has expired; when the next one will, in seconds since 1970."""
        self._grants = {path: grant for path, grant in self._grants.items() if now < grant.expires}
        return min((grant.expires for grant in self._grants.values()), default=None)


def path_of(address: str) -> tuple[str, ...]:
    """The segments of an address or audience, lower-cased, without scheme and host."""
    rest = address.partition("://")[2].partition("/")[2] if "://" in address else address
    return tuple(segment for segment in rest.lower().split("/") if segment)


def verify(token: str, audience: str, key: SharedKey, now: float) -> Grant:
    """The grant a shared access signature gives for `audience`. AmqpError (unauthorized) if it gives none."""
    fields = dict(part.partition("=")[::2] for part in token.removeprefix(_PREFIX).split("&"))
    resource, expiry = fields.get("sr", ""), fields.get("se", "")
    if not token.startswith(_PREFIX) or not re.fullmatch("[0-9]{1,12}", expiry):
        raise _refused("is not a shared access signature")
    named = unquote(fields.get("skn", "")) == key.name
    if not named or not _signed(resource, expiry, unquote(fields.get("sig", "")), key):
        raise _refused("has a wrong key name or signature")
    if int(expiry) <= now:
        raise _refused("has expired")
    if not _within(audience, unquote(resource)):
        raise _refused("is for something else")
    return Grant(path_of(audience), int(expiry))


def _within(audience: str, resource: str) -> bool:
    path = path_of(resource)
    same_host = audience.lower().split("/")[2:3] == resource.lower().split("/")[2:3]
    return same_host and path_of(audience)[: len(path)] == path


def _signed(resource: str, expiry: str, signature: str, key: SharedKey) -> bool:
    digest = hmac.new(key.key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode())


def _refused(reason: str) -> AmqpError:
    return AmqpError(Condition.UNAUTHORIZED, f"The token {reason}.")
