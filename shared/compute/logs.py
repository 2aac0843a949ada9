"""What tasks wrote, as `log` answers it, wherever they ran."""

from collections.abc import Mapping

from shared.errors import NotFound
from shared.storage import BlobStore


def kept(logs: BlobStore, run_id: str, task_id: str) -> dict[str, str]:
    """The streams of a task that lie in the container `logs`, each by its name: `TASK.ATTEMPT.stderr`."""
    names = [info.name for info in logs.list(f"{run_id}/{task_id}.")]
    blobs = {name.removeprefix(f"{run_id}/").removesuffix(".txt"): logs.get(name) for name in names}
    return {name: blob.data.decode(errors="replace") if blob else "" for name, blob in blobs.items()}


def last_line(text: str) -> str:
    """The last line that says something, in which programs tell why they failed; empty where none does."""
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")


def shown(run_id: str, task_id: str, streams: Mapping[str, str]) -> str:
    """Streams one after the other, each below its name; raises NotFound where there are none."""
    if not streams:
        raise NotFound(f"Run {run_id} has no log of a task {task_id}.")
    return "".join(f"--- {name}\n{text}" for name, text in streams.items())
