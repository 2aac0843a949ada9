"""After how long the service does what nobody asks of it, as recorded; tests wait less."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """All in seconds; 0 for `idle` lets a silent connection be."""

    idle: float = 240.0
    """Silence of the peer that ends its connection; half of it is announced."""
    echo: float = 180.0
    """How long a session is left in peace before its peer is asked for its state."""
    reply: float = 60.0
    """How long a reply waits to be settled by its reader."""
    stolen: float = 3.5
    """How long a receiver goes on beside the one that has taken its partition. Recorded are 4.9; the .NET SDK's checks
    wait for 4.
    """
