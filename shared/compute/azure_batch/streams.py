"""What tasks wrote, and what of it says why one failed: from the control account, or from the node while it runs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.compute.azure import service_message
from shared.compute.azure_batch.jobs import Jobs
from shared.compute.logs import kept, last_line, shown
from shared.compute.names import attempt_of, log_name
from shared.storage import BlobStore

if TYPE_CHECKING:
    from azure.batch.models import BatchTask

TAIL = 4096
"""Bytes of a log in which its last line is looked for."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of tasks; `logs` is the container that they end up in."""

    jobs: Jobs
    logs: BlobStore

    def read(self, run_id: str, task_id: str) -> str:
        """Both streams of a task, of every attempt; raises NotFound."""
        return shown(run_id, task_id, kept(self.logs, run_id, task_id) or self._so_far(run_id, task_id))

    def why(self, run_id: str, attempt: int, task: "BatchTask") -> str:
        """Why a task failed: its own last line where it ran, else what Batch says."""
        name, code = str(task.display_name), task.execution_info and task.execution_info.exit_code
        if code is not None:
            last = self._last_line(log_name(run_id, attempt, name, "stderr"))
            if last.startswith(f"Task {name} "):
                return last
            return f"Task {name} ended with exit code {code}: {last or 'its container was stopped'}"
        info: Any = task.execution_info and task.execution_info.failure_info
        return f"Task {name} failed: {service_message(info or {}) or 'Azure Batch does not say why'}"

    def _last_line(self, name: str) -> str:
        info = self.logs.info(name)
        if info is None or not info.size:
            return ""
        start = max(0, info.size - TAIL)
        return last_line(self.logs.read(name, start, info.size - start, info.etag).decode(errors="replace"))

    def _so_far(self, run_id: str, task_id: str) -> dict[str, str]:
        """The streams of a task that is running, from its node."""
        job, _ = self.jobs.newest(run_id)
        job_id = str(job.id)
        found = next((str(task.id) for task in self.jobs.running(job_id) if task.display_name == task_id), None)
        if found is None:
            return {}
        prefix = f"{task_id}.{attempt_of(run_id, job_id)}"
        texts = {stream: self.jobs.file(job_id, found, f"{stream}.txt") for stream in ("stderr", "stdout")}
        return {f"{prefix}.{stream}": text for stream, text in texts.items() if text is not None}
