"""A copy of the project as a fresh clone has it, with what was changed here and not yet committed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[2]
OLD = 946_684_800  # 2000-01-01: whatever an environment was made from is older than it


def tracked() -> Iterator[Path]:
    """Files that git does not ignore, relative to the project's folder."""
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text().splitlines())
    for folder, folders, files in ROOT.walk():
        place = folder.relative_to(ROOT)
        folders[:] = [name for name in folders if name != ".git" and not ignored.match_file(f"{place / name}/")]
        yield from (place / name for name in files if name != ".git" and not ignored.match_file(place / name))


def clone(target: Path) -> Path:
    """Copy them; returns `target`."""
    for path in tracked():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target / path)
        os.utime(target / path, (OLD, OLD))
    return target
