"""Under MPI every segment belongs to exactly one process, whatever the numbers."""

from hypothesis import given
from hypothesis import strategies as st

from scoring_images.style_transfer.mpi import RANKS, own_segments


@given(st.integers(0, 200), st.integers(1, 50), st.sampled_from(RANKS))
def test_each_segment_has_one_rank_and_none_is_left_over(segments: int, size: int, names: tuple[str, str]) -> None:
    taken = [n for rank in range(size) for n in own_segments({names[0]: str(rank), names[1]: str(size)}, segments)]
    assert sorted(taken) == list(range(segments))


def test_a_process_by_itself_takes_all() -> None:
    assert list(own_segments({}, 3)) == [0, 1, 2]
