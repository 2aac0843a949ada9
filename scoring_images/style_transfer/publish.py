"""Puts results where users find them: each whole, under its fixed name, and never over those of a newer upload."""

from dataclasses import dataclass
from datetime import datetime

from shared.errors import Conflict
from shared.storage import BlobStore, Content

TRIES = 5


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes the results of a video that was uploaded at `modified`."""

    styled: BlobStore
    run: str
    modified: datetime

    def put(self, name: str, data: Content) -> bool:
        """Write a result; False, and nothing written, where there is one of a newer upload already.

        Raises Conflict where others write the same name again and again.
        """
        for _ in range(TRIES):
            held = self.styled.info(name)
            if held and held.metadata.get("uploaded", "") > self._stamp:
                return False
            try:
                metadata = {"run": self.run, "uploaded": self._stamp}
                self.styled.put(name, data, etag=held.etag if held else None, new=held is None, metadata=metadata)
            except Conflict:
                if not isinstance(data, bytes):
                    data.seek(0)
                continue
            return True
        raise Conflict(f"{name} is being written by others again and again.")

    @property
    def _stamp(self) -> str:
        return f"{self.modified:%Y-%m-%dT%H:%M:%S.%fZ}"
