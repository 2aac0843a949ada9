"""Steadies styled frames: each is blended with the one before, carried along the motion of the video itself."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from scoring_images.style_transfer.color import Picture
from scoring_images.style_transfer.groups import Group
from scoring_images.style_transfer.motion import motion

type Pair = tuple[Picture, Picture]
"""A frame of the video, and what the network made of it."""

WEIGHT = 0.7
"""The share of the frame before where the motion is certain."""

WARM_UP = 12
"""Frames before a group that it starts from: what came earlier weighs 0.7 ** 12, under two percent."""


@dataclass(slots=True)
class Steadier:
    """Blends frame after frame."""

    before: Picture | None = None
    shown: Picture | None = None

    def blend(self, frame: Picture, styled: Picture) -> Picture:
        """The styled frame, steadied; where nothing can be carried over, as it is."""
        result = styled
        if self.before is not None and self.shown is not None:
            result, moved = np.empty_like(styled), motion(self.before, frame)
            for band, carried in moved.carried(self.shown):
                share = (WEIGHT * moved.seen[band])[..., None]
                result[band] = np.rint(styled[band] + share * (carried - styled[band]))
        self.before, self.shown = frame, result
        return result


def steadied(pairs: Iterable[Pair], first: int, groups: Sequence[Group]) -> Iterator[Pair]:
    """The frames of consecutive groups, each with its styled one steadied.

    `pairs` begin with frame `first`, up to WARM_UP before the groups. Each group starts anew from the
    frames before it, so that it does not depend on what else is in the segment.
    """
    coming = iter(pairs)
    recent = deque(islice(coming, groups[0].first - first), WARM_UP)
    for group in groups:
        steadier = Steadier()
        for pair in recent:
            steadier.blend(*pair)
        for pair in islice(coming, len(group)):
            yield pair[0], steadier.blend(*pair)
            recent.append(pair)


def warm_up(groups: Sequence[Group]) -> int:
    """The first frame that steadying the groups needs."""
    return max(0, groups[0].first - WARM_UP)
