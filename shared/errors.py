"""The errors Tally raises on purpose: each says what happened and, in its hint, what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

_SECRET = re.compile(r"(key|signature|sig|password|secret|token)\s*=", re.IGNORECASE)
_LONGEST_SHOWN = 80


def shown(text: str) -> str:
    """A value as a message may show it: cut where it is long, hidden where it looks like a secret."""
    if _SECRET.search(text):
        return "(a value that looks like a secret)"
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")


def one_line(text: str) -> str:
    """The text with whatever is no printable character written as Python escapes it: it can forge no line of a log."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class TallyError(Exception):
    """Base of all; `str(error)` is the message, followed by the hint where there is one. The message is one line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInput(TallyError):
    """What the caller gave cannot be used; trying again changes nothing."""


@contextmanager
def named(which: str) -> Iterator[None]:
    """Says in an error of which of several things it is."""
    try:
        yield
    except InvalidInput as error:
        raise type(error)(f"{which}: {error.message}", error.hint) from error


class Malformed(InvalidInput):
    """What the caller sent is not even of the form that it claims to have."""


class TooLarge(InvalidInput):
    """What the caller sent is larger than a setting allows."""


class UnsupportedType(InvalidInput):
    """What the caller sent is of a type that is not taken here."""


class UnsupportedEncoding(UnsupportedType):
    """What the caller sent is compressed in a way that is not taken here."""


class WrongState(InvalidInput):
    """What is asked for does not go with where the named thing stands."""


class SettingsError(InvalidInput):
    """A setting is missing or has a value that cannot be used."""


class BundleError(InvalidInput):
    """A model bundle is missing, damaged, or not what its manifest says."""


class NotFound(TallyError):
    """The named thing does not exist."""


class MethodNotAllowed(TallyError):
    """The named thing exists, but this cannot be done with it; allowed: the methods that can."""

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message, f"Use {allowed}.")
        self.allowed = allowed


class PreconditionFailed(TallyError):
    """The named thing is not, or no longer, as the caller said that it must be."""


class Conflict(TallyError):
    """Somebody else changed it first; load it again before deciding anew."""


class Transient(TallyError):
    """A service did not answer as it should; trying again later may work."""


class Overloaded(Transient):
    """More is asked for than can be answered soon."""


class TooManyRequests(Transient):
    """One caller asks for more than its share."""
