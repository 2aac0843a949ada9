"""Which of many processes this one is, where MPI or Azure Machine Learning started them as one job."""

from collections.abc import Mapping

VARIABLES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI
    ("RANK", "WORLD_SIZE"),  # torchrun; Azure Machine Learning sets them too
)


def rank_and_size(env: Mapping[str, str]) -> tuple[int, int]:
    """The number of this process, from 0, and how many there are; (0, 1) where it is alone."""
    for rank, size in VARIABLES:
        if rank in env and size in env:
            return int(env[rank]), int(env[size])
    return 0, 1
