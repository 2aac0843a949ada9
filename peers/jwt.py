"""Signed JSON Web Tokens (RFC 7515, HS256) that the stand-ins issue and check, as Microsoft Entra ID and Azure do.

Their key is the secret of the identity endpoint, which every process that takes part is given.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

_HEADER = {"alg": "HS256", "typ": "JWT"}


def signed(claims: Mapping[str, Any], secret: str) -> str:
    """The token of these claims."""
    content = ".".join(_text(msgspec.json.encode(part)) for part in (_HEADER, claims))
    return f"{content}.{_signature(content, secret)}"


def claims_of(token: str, secret: str) -> dict[str, Any] | None:
    """The claims of a token that was signed with this secret, or None: whether they hold is for its reader to say."""
    content, _, signature = token.rpartition(".")
    if not secret or not hmac.compare_digest(_signature(content, secret).encode(), signature.encode()):
        return None
    claims: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(content.partition(".")[2] + "=="))
    return claims


def _signature(content: str, secret: str) -> str:
    return _text(hmac.new(secret.encode(), content.encode(), hashlib.sha256).digest())


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
