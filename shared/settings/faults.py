"""Gathers what is wrong with settings, so that all of it is said at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shared.errors import SettingsError


class SeveralFaults(SettingsError):
    """More than one setting cannot be used; `faults` says each."""

    def __init__(self, faults: list[SettingsError]) -> None:
        super().__init__(f"{len(faults)} settings cannot be used.")
        self.message = "\n".join([f"{len(faults)} settings cannot be used:", *(f"- {fault}" for fault in faults)])
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Faults:
    """What was found so far, each once."""

    found: list[SettingsError] = field(default_factory=list)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Note what the block raises, and go on."""
        try:
            yield
        except SettingsError as error:
            self.found.extend(fault for fault in faults_in(error) if str(fault) not in map(str, self.found))

    def about(self, name: str) -> bool:
        """Whether a setting is faulty already."""
        return any(str(fault).startswith(f"{name} ") for fault in self.found)

    def raise_all(self) -> None:
        """Raises SettingsError where anything was found."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise SeveralFaults(self.found)


def faults_in(error: SettingsError) -> list[SettingsError]:
    """The faults that an error says, one by one."""
    return error.faults if isinstance(error, SeveralFaults) else [error]
