"""Bundles: versioned, checksummed models, of which one of each kind is current by a single write.

A bundle is one content file (safetensors or ONNX: arrays, nothing that is executed) and, written last, `manifest.json`.
The version is a hash of the manifest, which holds the hash of the content: the same model and the same facts give the
same version, and a version stands for certain bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import BundleError
from shared.storage import BlobStore

MANIFEST = "manifest.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What every bundle says of itself; each kind adds its own facts, in JSON."""

    format: str
    sha256: str  # of the content
    size: int  # of the content, in bytes


@dataclass(frozen=True, slots=True)
class Bundle[M: Manifest]:
    """A bundle that was read and found whole."""

    version: str
    manifest: M
    content: bytes


@dataclass(frozen=True, slots=True)
class Kind[M: Manifest]:
    """A kind of bundle: its format, the name of its content file, and what its manifest holds."""

    format: str
    content: str
    manifest: type[M]
    remedy: str = "Train again, or make another version current."

    def describe(self, content: bytes, **facts: Any) -> bytes:
        """The manifest of a content, as it is written; the same facts give the same bytes."""
        digest = sha256(content).hexdigest()
        manifest = self.manifest(format=self.format, sha256=digest, size=len(content), **facts)
        return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"))

    def read_manifest(self, name: str, text: bytes) -> M:
        """The manifest of the bundle called so. Raises BundleError where it cannot be read or is of another kind."""
        try:
            manifest = msgspec.json.decode(text, type=self.manifest)
        except msgspec.DecodeError as error:
            raise BundleError(f"Bundle {name} has no manifest that can be read: {error}.", self.remedy) from error
        if manifest.format != self.format:
            raise BundleError(f'Bundle {name} is a "{manifest.format}", not a "{self.format}".', self.remedy)
        return manifest

    def unpack(self, name: str, text: bytes, content: bytes) -> Bundle[M]:
        """The bundle of these bytes. Raises BundleError where the content is not what the manifest says."""
        manifest = self.read_manifest(name, text)
        if len(content) != manifest.size:
            raise BundleError(f"Bundle {name} has {len(content)} of {manifest.size} bytes.", self.remedy)
        if sha256(content).hexdigest() != manifest.sha256:
            raise BundleError(f"The {self.content} of bundle {name} was changed since it was written.", self.remedy)
        return Bundle(version_of(text), manifest, content)

    def write_folder(self, folder: Path, content: bytes, **facts: Any) -> str:
        """Write a bundle as a folder, the manifest last, and return its version."""
        text = self.describe(content, **facts)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self.content).write_bytes(content)
        (folder / MANIFEST).write_bytes(text)
        return version_of(text)

    def read_folder(self, folder: Path) -> Bundle[M]:
        """The bundle in a folder. Raises BundleError where it is missing or damaged."""
        try:
            text, content = ((folder / part).read_bytes() for part in (MANIFEST, self.content))
        except FileNotFoundError as error:
            raise BundleError(f"There is no {error.filename}.", self.remedy) from error
        return self.unpack(str(folder), text, content)


class _Pointer(msgspec.Struct, frozen=True):
    version: str


@dataclass(frozen=True, slots=True)
class Registry[M: Manifest]:
    """The bundles of one kind: `FOLDER/VERSION/…` and `FOLDER/current.json` in the container `bundles`.

    shipped: the folder of the bundle that ships with Tally, if one does.
    """

    store: BlobStore
    folder: str
    kind: Kind[M]
    shipped: Path | None = None

    def write(self, content: bytes, **facts: Any) -> str:
        """Write a bundle, and return its version; safe to repeat, and nothing becomes current."""
        text = self.kind.describe(content, **facts)
        version = version_of(text)
        self.store.put(self._name(version, self.kind.content), content)
        self.store.put(self._name(version, MANIFEST), text)
        return version

    def manifest(self, version: str) -> M:
        """What a bundle says of itself. Raises BundleError where it is missing, damaged or of another kind."""
        return self.kind.read_manifest(version, self._manifest(version))

    def read(self, version: str) -> Bundle[M]:
        """A bundle. Raises BundleError where it is missing, damaged or of another kind."""
        text = self._manifest(version)
        self.kind.read_manifest(version, text)  # says what is wrong before the content is fetched
        return self.kind.unpack(version, text, self._read(version, self.kind.content))

    def make_current(self, version: str) -> None:
        """Let everything that starts from now on use this version. Raises BundleError where there is no such bundle."""
        self.manifest(version)
        self.store.put(self._pointer, msgspec.json.encode(_Pointer(version)))

    def use_shipped(self) -> None:
        """Let everything that starts from now on use what ships with Tally; the versions stay."""
        self.store.delete(self._pointer)

    def current(self) -> str | None:
        """The version made current last, None before any was. Raises BundleError where the pointer is damaged."""
        blob = self.store.get(self._pointer)
        if blob is None:
            return None
        try:
            return msgspec.json.decode(blob.data, type=_Pointer).version
        except msgspec.DecodeError as error:
            raise BundleError(f"{self._pointer} cannot be read: {error}.", self.kind.remedy) from error

    def current_bundle(self) -> Bundle[M]:
        """The current bundle, or before any was the one that ships. Raises BundleError as `read` does."""
        version = self.current()
        if version:
            return self.read(version)
        if self.shipped:
            return self.kind.read_folder(self.shipped)
        raise BundleError(f"No bundle in {self.folder}/ is current, and none ships.", self.kind.remedy)

    def versions(self) -> list[str]:
        """All versions that were written whole, oldest first; those of one second in the order of their names."""
        infos = sorted(self.store.list(f"{self.folder}/"), key=lambda info: (info.modified, info.name))
        names = (info.name.removeprefix(f"{self.folder}/").split("/") for info in infos)
        return [parts[0] for parts in names if parts[1:] == [MANIFEST]]

    def _manifest(self, version: str) -> bytes:
        text = self._read(version, MANIFEST)
        if version_of(text) != version:
            raise BundleError(f"The manifest of bundle {version} was changed since it was written.", self.kind.remedy)
        return text

    def _read(self, version: str, part: str) -> bytes:
        blob = self.store.get(self._name(version, part))
        if blob is None:
            raise BundleError(f"Bundle {version} has no {part}.", self.kind.remedy)
        return blob.data

    def _name(self, version: str, part: str) -> str:
        return f"{self.folder}/{version}/{part}"

    @property
    def _pointer(self) -> str:
        return f"{self.folder}/current.json"


def names(store: BlobStore, folder: str) -> Iterator[str]:
    """The names under a folder that have a current version: `style/NAME/current.json`."""
    found = (info.name.removeprefix(f"{folder}/").split("/") for info in store.list(f"{folder}/"))
    yield from (parts[0] for parts in found if parts[1:] == ["current.json"])


def version_of(manifest: bytes) -> str:
    """The version that a manifest, as written, stands for."""
    return sha256(manifest).hexdigest()[:16]
