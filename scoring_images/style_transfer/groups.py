"""Groups: the runs of frames that are encoded by themselves, so that coded bytes do not depend on the segments."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_FRAMES = 50
"""The most frames of a group: its start is a key frame, so players can seek that finely."""

SPREAD = 8
"""How many groups a short video has at least, so that a few workers can share it."""


@dataclass(frozen=True, slots=True)
class Group:
    """The frames [first, last) of a video."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


def groups(frames: int) -> list[Group]:
    """The groups of a video of so many frames: `min(50, max(1, frames // 8))` each, the last one what is left."""
    size = min(MAX_FRAMES, max(1, frames // SPREAD))
    return [Group(first, min(first + size, frames)) for first in range(0, frames, size)]


def segment(whole: Sequence[Group], number: int, of: int) -> list[Group]:
    """The groups of a segment of `of`, from 0: spread evenly and in order; none where there are fewer than segments.

    The frames of the segment are those from its first group's `first` to its last group's `last`.
    """
    if not 0 <= number < of:
        raise ValueError(f"There is no segment {number} of {of}.")
    return list(whole[len(whole) * number // of : len(whole) * (number + 1) // of])
