"""The kinds of models there are, with the versions of each: those in storage, and the one that ships."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from cli.choice import chosen
from cli.styles import SHIPPED as SHIPPED_STYLES
from shared.bundles.registry import MANIFEST, Registry, version_of
from shared.errors import BundleError, InvalidInput, NotFound
from shared.storage import BlobStore

SHIPPED = "shipped"
"""What stands for the version that comes with Tally."""


class Version(msgspec.Struct, frozen=True):
    """A version of a kind; `written` is None for one that ships, `bytes` for one whose manifest is damaged."""

    kind: str
    version: str
    current: bool
    shipped: bool
    written: datetime | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class ModelKind:
    """A kind of models by its name, its bundles in storage, and the folder of the one that ships, if any."""

    name: str
    registry: Registry[Any]
    folder: Path | None = None

    @property
    def shipped(self) -> str:
        """The version that ships; empty where none does."""
        return version_of((self.folder / MANIFEST).read_bytes()) if self.folder else ""

    def versions(self) -> Iterator[Version]:
        """That which ships, then those in storage, the newest last."""
        current = self.registry.current()
        if self.folder:
            size = self.registry.kind.read_manifest(self.name, (self.folder / MANIFEST).read_bytes()).size
            yield Version(self.name, self.shipped, current is None, True, None, size)
        infos = self.registry.store.list(f"{self.registry.folder}/")
        written = sorted((info.modified, info.name.split("/")[-2]) for info in infos if info.name.endswith(MANIFEST))
        for when, version in written:
            yield Version(self.name, version, version == current, False, when, self._size(version))

    def _size(self, version: str) -> int | None:
        try:
            return int(self.registry.manifest(version).size)
        except BundleError:
            return None

    def use(self, text: str) -> str:
        """Make a version current, named whole, in part or as `shipped`; which. Raises NotFound, InvalidInput."""
        known = self.registry.versions()
        if text in (SHIPPED, self.shipped) and text not in known:
            if not self.folder:
                raise InvalidInput(f"No models of kind {self.name} ship with Tally.", f"There are: {_listed(known)}.")
            self.registry.use_shipped()
            return self.shipped
        names = [*known, SHIPPED] if self.folder else known
        version = chosen(text, known, "version", f"Of {self.name} there are: {_listed(names)}.", parts=True)
        self.registry.make_current(version)
        return version


def _listed(versions: list[str]) -> str:
    return ", ".join(versions) or "none"


def all_kinds(store: BlobStore) -> list[ModelKind]:
    """Every kind there is; a style is a kind of its own. `store` is the container `bundles`."""
    from shared.anomaly_detection import bundle as anomaly
    from shared.faq_matching import bundle as faq
    from shared.image_classification import bundle as image
    from shared.style_transfer import styles as style

    kinds = [
        ModelKind("anomaly", anomaly.registry(store)),
        ModelKind("faq", faq.registry(store), faq.DEFAULT),
        ModelKind("image", image.registry(store), image.SHIPPED),
    ]
    shipping = {manifest.parent.name: manifest.parent for manifest in SHIPPED_STYLES.glob(f"*/{MANIFEST}")}
    kept = {info.name.split("/")[1] for info in store.list(f"{style.FOLDER}/") if info.name.count("/") > 1}
    styles = sorted({*shipping, *kept})
    return kinds + [ModelKind(f"style/{name}", style.registry_of(store, name), shipping.get(name)) for name in styles]


def kind_named(text: str, store: BlobStore) -> ModelKind:
    """The kind of this name; raises NotFound with those there are."""
    kinds = {kind.name: kind for kind in all_kinds(store)}
    try:
        return kinds[chosen(text, kinds, "kind of models", f"There are: {', '.join(kinds)}.")]
    except NotFound as error:
        if f"style/{text}" in kinds:
            raise NotFound(error.message, f"Did you mean style/{text}?") from error
        raise
