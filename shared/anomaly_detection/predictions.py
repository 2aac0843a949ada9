"""Where the predictions of runs lie, and how to read them back."""

from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

from shared.errors import NotFound
from shared.storage import BlobStore

if TYPE_CHECKING:
    import polars


def folder(run_id: str, start: datetime) -> str:
    """The folder of a run's predictions in the container `predictions`, by the hour its span begins in."""
    return f"date={start:%Y-%m-%d}/hour={start:%H}/run={run_id}"


def read_predictions(store: BlobStore, run_id: str, start: datetime) -> "polars.DataFrame":
    """All parts of a run: device, sensor (empty for models of a whole device), window_end, value, score, prediction.

    Raises NotFound where there are none.
    """
    import polars as pl

    names = [info.name for info in store.list(f"{folder(run_id, start)}/part-") if info.name.endswith(".parquet")]
    frames = [pl.read_parquet(BytesIO(blob.data)) for name in names if (blob := store.get(name))]
    if not frames:
        raise NotFound(f"Run {run_id} has written no predictions.", f"`tally runs show {run_id}` says why.")
    return pl.concat(frames)
