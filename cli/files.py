"""Files and folders that a command is given: looked at before anything slow begins, named when something is wrong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import InvalidInput


def can_write(path: Path) -> Path:
    """The path, where a file can be put; raises InvalidInput or OSError where it cannot. Nothing is left there."""
    if not path.name:
        raise InvalidInput(f"{str(path)!r} names no file to write.", "Name one.")
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder, and a file is to be written.", "Name a file in it.")
    folder = path.parent
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder} to write {path.name} into.", "Make it first.")
    _check_name(path)
    _check_access(path if path.exists() else folder, path)
    return path


def can_fill(folder: Path) -> Path:
    """The folder, there or to be made, where files can be put; raises InvalidInput or OSError where they cannot."""
    _check_name(folder)
    held = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not held.is_dir():
        raise InvalidInput(f"{held} is no folder.", "Name another one.")
    _check_access(held, folder)
    return folder


def _check_access(held: Path, wanted: Path) -> None:
    if not os.access(held, os.W_OK):
        raise InvalidInput(f"{wanted} may not be written by you.", "Change the permissions, or name another place.")


def _check_name(path: Path) -> None:
    """Raises OSError where the file system takes no such name."""
    with suppress(FileNotFoundError):
        path.lstat()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Have an error of the system name the path where it names nothing, as when a disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def read_text(path: Path) -> str:
    """The text of a file; raises InvalidInput where it is not UTF-8, OSError where it cannot be read."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from error
