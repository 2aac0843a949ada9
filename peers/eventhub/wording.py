"""What Event Hubs says where clients go by its words, or show them: texts as its answers were recorded.

The .NET SDK takes a hub for missing by the words alone.
"""

from datetime import UTC, datetime
from uuid import uuid4

NAMESPACE = "127.0.0.1"
"""The namespace that stands in these texts, whatever name its clients know it by."""
INVALID_SIGNATURE = "InvalidSignature: The token has an invalid signature."


def tracked(text: str, system: str, blank: str = " ") -> str:
    """`text` with what support would ask for: an id, the part of the system, and the time."""
    return f"{text}{blank}TrackingId:{uuid4().hex}_G0_B0, SystemTracker:{system}, Timestamp:{_now()}"


def no_such_entity(address: str, hub: str) -> str:
    """Nothing is at `address`, under the hub of this name."""
    return tracked(f"{_not_found(address)} ", f"{NAMESPACE}:{hub}")


def no_such_namespace(audience: str) -> str:
    """The host of a token's audience is nobody's."""
    return f"{_not_found(f"Invalid audience: Namespace cannot be resolved '{audience}'")} "


def no_such_partition(count: int) -> str:
    """A partition that a hub of `count` partitions lacks."""
    return (
        "The specified partition is invalid for an EventHub partition sender or receiver. "
        f"It should be between 0 and {count - 1}."
    )


def stolen(name: str, epoch: int | None, rival: str, higher: int | None, system: str) -> str:
    """Why the receiver `name` of this epoch goes: `rival` has come with a higher or the same one."""
    held = "" if epoch is None else epoch
    text = (
        f"New receiver '{rival}' with higher epoch of '{higher}' is created hence current receiver '{name}' with epoch "
        f"'{held}' is getting disconnected. If you are recreating the receiver, make sure a higher epoch is used."
    )
    return tracked(text, system)


def outranked(name: str, epoch: int | None, higher: int, system: str) -> str:
    """Why the receiver `name` of this epoch does not come in."""
    held = "no epoch" if epoch is None else f"epoch '{epoch}'"
    text = f"Receiver '{name}' with {held} cannot be created: a receiver with epoch '{higher}' reads this partition."
    return tracked(text, system)


def too_many_readers(most: int, system: str) -> str:
    """Why one more receiver without epoch does not come in."""
    text = f"Exceeded the maximum number of allowed receivers per partition in a consumer group which is {most}."
    return tracked(text, system)


def inactive(milliseconds: int, container: str) -> str:
    """Why a silent connection ends."""
    return (
        f"The connection was inactive for more than the allowed {milliseconds} milliseconds "
        f"and is closed by container '{container}'."
    )


def _not_found(address: str) -> str:
    return (
        f"The messaging entity '{address}' could not be found. "
        "To know more visit https://aka.ms/sbResourceMgrExceptions."
    )


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
