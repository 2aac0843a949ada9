"""`tally styles`: the styles that videos can have."""

from collections.abc import Iterator
from pathlib import Path

import typer

from cli.context import CODE, ROOT, storage
from cli.options import AsJson
from cli.output import notes, print_json, print_table
from shared.bundles import registry
from shared.bundles.registry import MANIFEST
from shared.errors import TallyError
from shared.storage import BlobStore

TRAINED = ROOT / ".tally" / "styles"
"""Those trained here."""
SHIPPED = CODE / "scoring_images" / "style_transfer" / "styles"

styles = typer.Typer(help="Show the styles that videos can have.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group to the command."""
    app.add_typer(styles, name="styles", rich_help_panel="Videos")


@styles.command("list")
def list_styles(as_json: AsJson = False) -> None:
    """Show every style: whether it ships, was trained here, or is in storage, where runs find it.

    `tally style VIDEO` takes those that ship or were trained here, uploads those that ship or are in storage.

    Example: `tally styles list`
    """
    shipped, trained = set(_folders(SHIPPED)), set(_folders(TRAINED))
    try:
        stored = set(stored_styles(storage().control("bundles")))
    except TallyError as error:
        notes.print(f"Those in storage are left out: {error.message}")
        stored = set()
    for name in (names := sorted(shipped | trained | stored)):
        if as_json:
            held = {"shipped": name in shipped, "trained_here": name in trained, "stored": name in stored}
            print_json({"style": name, **held})
    if not as_json:
        marks = [[name, *("yes" if name in some else "" for some in (shipped, trained, stored))] for name in names]
        print_table(("style", "ships", "trained here", "in storage"), marks)


def shipped_styles() -> list[str]:
    """Those that ship."""
    return sorted(_folders(SHIPPED))


def local_styles() -> list[str]:
    """Those that ship, and those trained here."""
    return sorted({*_folders(SHIPPED), *_folders(TRAINED)})


def stored_styles(bundles: BlobStore) -> list[str]:
    """Those in the container `bundles`."""
    from shared.style_transfer.styles import FOLDER

    return sorted(registry.names(bundles, FOLDER))


def _folders(place: Path) -> Iterator[str]:
    yield from (manifest.parent.name for manifest in sorted(place.glob(f"*/{MANIFEST}")))
