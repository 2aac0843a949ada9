"""ETags of what a route shows, and the conditions that a request makes with them (RFC 9110, 8.8.3 and 13.1)."""

import re
from dataclasses import dataclass
from hashlib import sha256

from shared.errors import PreconditionFailed

_TAG = re.compile(r'(W/)?"([^"]*)"|([^\s,"]+)')


def etag_of(content: bytes) -> str:
    """A strong ETag of these bytes."""
    return f'"{sha256(content).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The headers If-Match and If-None-Match, empty where they are not sent."""

    match: str = ""
    none_match: str = ""

    def check(self, etag: str | None) -> None:
        """Raises PreconditionFailed where a change must not be made; etag: of what is there, None for nothing."""
        if self.match and not _names(self.match, etag, weak=False):
            raise PreconditionFailed(
                "It is not, or no longer, what If-Match names.", "Get it again, and decide anew with its ETag."
            )
        if self.none_match and self.known(etag):
            raise PreconditionFailed("It is there already, which If-None-Match forbids.", "Leave the header out.")

    def known(self, etag: str | None) -> bool:
        """Whether the caller has what is there: If-None-Match names it."""
        return bool(self.none_match) and _names(self.none_match, etag, weak=True)


def _names(header: str, etag: str | None, *, weak: bool) -> bool:
    if etag is None:
        return False
    if header.strip() == "*":
        return True
    tags = [(quoted or bare) for mark, quoted, bare in _TAG.findall(header) if weak or not mark]
    return etag.strip('"') in tags
