"""Timestamps: repaired where a file has none or goes backwards, and given to coded packets."""

from collections.abc import Sequence
from itertools import pairwise

FAR = 10.0
"""Seconds: a step back that long is a new beginning (two recordings in one file), a shorter one is a mistake."""


def repaired(raw: Sequence[int | None], step: int, far: int) -> list[int]:
    """Strictly increasing timestamps: those given where they can be, all in ticks.

    A missing one is `step` after the one before; a repeated one lies half-way to the next; after a leap back of more
    than `far` ticks all that follow are moved so that time goes on.
    """
    done: list[int] = []
    offset = 0
    for number, value in enumerate(raw):
        if not done:
            done.append(_first(raw, step))
            continue
        before = done[-1]
        if value is None:
            done.append(before + step)
            continue
        if value + offset < before - far:
            offset = before + step - value
        later = value + offset
        done.append(later if later > before else before + _room(raw, number, offset - before, step))
    return done


def _first(raw: Sequence[int | None], step: int) -> int:
    known = next((number for number, value in enumerate(raw) if value is not None), None)
    if known is None:
        return 0
    value = raw[known]
    assert value is not None
    return value - known * step


def _room(raw: Sequence[int | None], number: int, shift: int, step: int) -> int:
    following = raw[number + 1] if number + 1 < len(raw) else None
    room = step if following is None else min(step, (following + shift) // 2)
    return max(1, room)


def typical_step(raw: Sequence[int | None], otherwise: int) -> int:
    """The median distance of neighbours, at least 1."""
    steps = sorted(b - a for a, b in pairwise(raw) if a is not None and b is not None and b > a)
    return max(1, steps[len(steps) // 2] if steps else otherwise)
