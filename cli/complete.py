"""What the shell offers for Tab: runs, models and styles. It is quick, and silent where storage is away."""

from collections.abc import Callable, Iterable
from threading import Thread
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from shared.storage import Storage

_PATIENCE = 3.0  # seconds that somebody who pressed Tab waits at most: the SDK alone takes one on a busy machine
_RECENT = 200


def _offered(find: Callable[[], Iterable[str]]) -> list[str]:
    """What is found in time; nothing where it is not, or where looking fails."""
    found: list[str] = []

    def look() -> None:
        try:
            found.extend(find())
        except Exception:  # noqa: BLE001 - there is nobody to tell: whatever is printed here would be typed
            found.clear()

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return [] if thread.is_alive() else found


def run_ids(incomplete: str) -> list[str]:
    """The runs changed last, newest first."""

    def find() -> list[str]:
        store = _storage().control("runs")
        infos = sorted(store.list("runs/"), key=lambda info: info.modified, reverse=True)
        return [info.name.removeprefix("runs/").removesuffix(".json") for info in infos[:_RECENT]]

    return _offered(find)


def kinds(incomplete: str) -> list[str]:
    """The kinds of models that there are."""
    from cli.model_kinds import all_kinds

    return _offered(lambda: [kind.name for kind in all_kinds(_storage().control("bundles"))])


def versions(ctx: typer.Context, incomplete: str) -> list[str]:
    """The versions of the kind that was typed before, and `shipped`."""
    from cli.model_kinds import SHIPPED, all_kinds

    def find() -> list[str]:
        (kind,) = (kind for kind in all_kinds(_storage().control("bundles")) if kind.name == ctx.params.get("kind"))
        return [*([SHIPPED] if kind.shipped else []), *kind.registry.versions()]

    return _offered(find)


def style_names(incomplete: str) -> list[str]:
    """The styles that ship, those trained here, and those in storage."""
    from cli.styles import local_styles, stored_styles

    return [*local_styles(), *_offered(lambda: stored_styles(_storage().control("bundles")))]


def _storage() -> "Storage":
    from cli.context import settings
    from shared.storage import Storage

    return Storage.from_settings(settings(), connect_retries=0)
