"""How much of what was sent to the hub has been taken in: what a demo, or a script, waits for."""

from dataclasses import dataclass

from shared.readings.hub import last_sequences
from shared.readings.state import decode
from shared.settings import Settings
from shared.storage import Storage


@dataclass(frozen=True, slots=True)
class Intake:
    """Events of the hub, those of them that were taken in, and whether all their windows are in files."""

    sent: int
    taken: int
    filed: bool

    @property
    def complete(self) -> bool:
        """Whether nothing is on its way any more."""
        return self.taken == self.sent and self.filed


def look_at_intake(storage: Storage, settings: Settings) -> Intake:
    """How far it is now."""
    sent = sum(last + 1 for last in last_sequences(settings).values())
    blobs = storage.control("ingest")
    states = [decode(blob.data) for info in blobs.list() if (blob := blobs.get(info.name))]
    filed = all(not len(state.rows) and not state.owes_files for state in states)
    return Intake(sent, sum(state.counters.events for state in states), filed)
