"""Which segments this process takes when many are started as one MPI job."""

from collections.abc import Mapping

RANKS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI
    ("RANK", "WORLD_SIZE"),  # torchrun; Azure Machine Learning sets them too
)


def own_segments(env: Mapping[str, str], segments: int) -> range:
    """Every `size`-th segment from `rank` on; all of them where this is no MPI job.

    A segment belongs to one rank whatever the size, and none is left over.
    """
    for rank, size in RANKS:
        if rank in env and size in env:
            return range(int(env[rank]), segments, int(env[size]))
    return range(segments)
