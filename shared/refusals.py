"""Turns whatever ends a command into a sentence: what happened, and what to do about it."""

import errno
import os

from shared.errors import TallyError

_OS: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("There is no {name}.", "Check the name, and that its folder exists."),
    errno.EACCES: ("{name} may not be used by you.", "Change its permissions, or name another place."),
    errno.EPERM: ("{name} may not be used by you.", "Change its permissions, or name another place."),
    errno.ENOSPC: ("There is no space left for {name}.", "Free some, or name a place on another disk."),
    errno.EDQUOT: ("Your quota leaves no space for {name}.", "Free some, or name a place on another disk."),
    errno.EFBIG: ("{name} would be larger than a file may be there.", "Name a place on another disk."),
    errno.ENAMETOOLONG: ("The name {name} is too long.", "Choose a shorter one: most disks take 255 bytes."),
    errno.EISDIR: ("{name} is a folder, and a file is asked for.", "Name a file in it."),
    errno.ENOTDIR: ("{name} is no folder, or lies below something that is none.", "Check the path."),
    errno.EEXIST: ("{name} is there already.", "Remove it, or choose another name."),
    errno.EROFS: ("{name} lies where nothing can be written.", "Name a place that is not read-only."),
    errno.ELOOP: ("{name} is a link that leads to itself.", "Check the path."),
    errno.EMFILE: ("Too many files are open.", "Allow more: `ulimit -n 4096`."),
    errno.ENFILE: ("Too many files are open on this machine.", "Close other programs."),
    errno.ENOMEM: ("There is not enough memory.", "Close other programs, or give the command less at a time."),
}


def as_refusal(error: BaseException) -> TallyError:
    """The error as what is to be said of it."""
    match error:
        case TallyError():
            return error
        case UnicodeDecodeError():
            byte = f"byte {error.object[error.start]:#04x} at {error.start}"
            return TallyError(f"A file is not UTF-8 text: {byte}.", "Save it as UTF-8.")
        case MemoryError():
            return TallyError(*_OS[errno.ENOMEM])
        case OSError() if error.errno is not None:
            return _of_system(error)
    first = str(error).partition("\n")[0].rstrip(".")
    said = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return TallyError(
        f"Something went wrong that nobody foresaw: {said}.", "`tally --debug` before the command's name shows where."
    )


def _of_system(error: OSError) -> TallyError:
    name = error.filename2 or error.filename
    name = os.fsdecode(name) if isinstance(name, str | bytes) else "the output" if name is None else str(name)
    if error.errno in _OS:
        message, hint = _OS[error.errno]
        return TallyError(message.format(name=name), hint)
    return TallyError(f"{name} cannot be used: {error.strerror}.")
