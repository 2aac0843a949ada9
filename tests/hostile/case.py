"""A hostile request, named, so that the one that gets through can be found again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

JSON = "application/json"
FAQ, IMAGE, REFERENCE, ENTRY = "/api/score/faq", "/api/score/image", "/score", "/api/faq/hostile"
V2_FAQ, V2_IMAGE = "/v2/models/faq/infer", "/v2/models/image/infer"


@dataclass(frozen=True, slots=True)
class Hostile:
    """What is sent.

    fine: looks bad, but is a request that may be answered. unrouted: reaches no function, so the host alone refuses it.
    """

    name: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    fine: bool = False
    unrouted: bool = False


def posted(
    path: str, kind: str, bodies: Iterable[tuple[str, bytes]], content_type: str = JSON, fine: bool = False
) -> list[Hostile]:
    """The same request with each of some bodies, by name."""
    headers = {"content-type": content_type}
    return [Hostile(f"{path}: {kind}: {name}", path, body, headers, fine=fine) for name, body in bodies]
