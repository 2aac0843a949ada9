"""Groups cover a video, and segments share them out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring_images.style_transfer.groups import Group, groups, segment


@given(st.integers(0, 5000))
def test_groups_follow_each_other_and_cover_every_frame(frames: int) -> None:
    whole = groups(frames)
    assert [number for group in whole for number in range(group.first, group.last)] == list(range(frames))
    assert all(0 < len(group) <= 50 for group in whole)


@given(st.integers(0, 3000), st.integers(1, 40))
def test_segments_share_the_groups_out_evenly_and_in_order(frames: int, count: int) -> None:
    whole = groups(frames)
    parts = [segment(whole, number, count) for number in range(count)]
    assert [group for part in parts for group in part] == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_short_video_has_groups_for_several_workers() -> None:
    assert groups(25)[:2] == [Group(0, 3), Group(3, 6)]
    assert groups(7) == [Group(number, number + 1) for number in range(7)]


def test_a_segment_beyond_the_last_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no segment 3 of 3"):
        segment(groups(10), 3, 3)
