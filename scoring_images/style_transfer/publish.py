"""Puts results where users find them: each whole, under its fixed name, and never over those of a newer upload."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.storage import BlobStore, Content, retry_conflicts


@dataclass(frozen=True, slots=True)
class Publisher:
    """Writes the results of a version of a video of the container `videos`, which was uploaded at `modified`."""

    styled: BlobStore
    videos: BlobStore
    video: str
    etag: str
    run: str
    modified: datetime

    def put(self, name: str, data: Content) -> bool:
        """Write a result; False, and nothing written, where there is one of a newer upload already.

        A file is sent from its beginning. Raises Overloaded where others write the same name again and again.
        """
        metadata = {"run": self.run, "uploaded": self._stamp, "etag": self.etag}

        def attempt() -> bool:
            held = self.styled.info(name)
            if held and self._is_older_than(held.metadata):
                return False
            if not isinstance(data, bytes):
                data.seek(0)
            self.styled.put(name, data, etag=held.etag if held else None, new=held is None, metadata=metadata)
            return True

        return retry_conflicts(attempt, name)

    def _is_older_than(self, held: Mapping[str, str]) -> bool:
        """Storage's times are whole seconds: of two uploads of one second, the newer is the one that is there now."""
        uploaded, etag = held.get("uploaded", ""), held.get("etag", self.etag)
        if uploaded == self._stamp and etag != self.etag:
            now = self.videos.info(self.video)
            return now is None or now.etag.strip('"') != self.etag
        return uploaded > self._stamp

    @property
    def _stamp(self) -> str:
        return f"{self.modified:%Y-%m-%dT%H:%M:%S.%fZ}"
