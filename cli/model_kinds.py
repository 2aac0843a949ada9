"""The kinds of models there are, with the versions of each: those in storage, and the one that ships."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
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
    """A kind of models by its name, and its bundles."""

    name: str
    registry: Registry[Any]

    @property
    def shipped(self) -> str:
        """The version that ships; empty where none does."""
        return version_of((self.registry.shipped / MANIFEST).read_bytes()) if self.registry.shipped else ""

    def versions(self) -> Iterator[Version]:
        """That which ships, then those in storage, the newest last."""
        current = self.registry.current()
        if self.registry.shipped:
            size = self.registry.kind.read_manifest(self.name, (self.registry.shipped / MANIFEST).read_bytes()).size
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
            if not self.registry.shipped:
                raise InvalidInput(f"No models of kind {self.name} ship with Tally.", f"There are: {_listed(known)}.")
            self.registry.use_shipped()
            return self.shipped
        names = [*known, SHIPPED] if self.registry.shipped else known
        version = chosen(text, known, "version", f"Of {self.name} there are: {_listed(names)}.", parts=True)
        self.registry.make_current(version)
        return version


def _listed(versions: list[str]) -> str:
    return ", ".join(versions) or "none"


def all_kinds(store: BlobStore) -> list[ModelKind]:
    """Every kind there is; a style is a kind of its own. `store` is the container `bundles`."""
    from shared.anomaly_detection import bundle as anomaly
    from shared.models import MODELS
    from shared.style_transfer import styles as style

    kinds = [ModelKind("anomaly", anomaly.registry(store))]
    kinds += [ModelKind(model.name, model.registry(store)) for model in MODELS]
    shipping = {manifest.parent.name: manifest.parent for manifest in SHIPPED_STYLES.glob(f"*/{MANIFEST}")}
    kept = {info.name.split("/")[1] for info in store.list(f"{style.FOLDER}/") if info.name.count("/") > 1}
    styles = sorted({*shipping, *kept})
    for name in styles:
        kinds.append(ModelKind(f"style/{name}", replace(style.registry_of(store, name), shipped=shipping.get(name))))
    return kinds


def kind_named(text: str, store: BlobStore) -> ModelKind:
    """The kind of this name; raises NotFound with those there are."""
    kinds = {kind.name: kind for kind in all_kinds(store)}
    try:
        return kinds[chosen(text, kinds, "kind of models", f"There are: {', '.join(kinds)}.")]
    except NotFound as error:
        if f"style/{text}" in kinds:
            raise NotFound(error.message, f"Did you mean style/{text}?") from error
        raise
