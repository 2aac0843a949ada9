"""What answers of the workspace and of its run history say of jobs and clusters; what is null in them is as absent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from shared.compute.azure import service_message
from shared.compute.azure_ml.workspace import Answer, Body, hint


class JobState(StrEnum):
    """A job's status; the service's words are read in any case, and those that are not known are UNKNOWN."""

    NOT_STARTED = "NotStarted"
    STARTING = "Starting"
    PROVISIONING = "Provisioning"
    PREPARING = "Preparing"
    QUEUED = "Queued"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    CANCEL_REQUESTED = "CancelRequested"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELED = "Canceled"
    NOT_RESPONDING = "NotResponding"
    PAUSED = "Paused"
    UNKNOWN = "Unknown"
    GONE = ""

    @classmethod
    def _missing_(cls, value: object) -> "JobState":
        return next((each for each in cls if each.lower() == str(value).lower()), cls.UNKNOWN)

    @classmethod
    def of(cls, job: Answer | None) -> "JobState":
        """The status of a job; GONE where there is none."""
        return cls(properties(job).get("status") or cls.UNKNOWN) if job else cls.GONE


WAITING = frozenset(
    {JobState.NOT_STARTED, JobState.STARTING, JobState.PROVISIONING, JobState.PREPARING, JobState.QUEUED}
)
SILENT = frozenset({JobState.NOT_RESPONDING, JobState.PAUSED})
"""No sign of life comes from its nodes; it may go on again, or never."""
ENDED = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELED})


def properties(answer: Answer) -> Body:
    """The properties of a resource."""
    return dict(answer.body.get("properties") or {})


def moment(answer: Answer) -> datetime:
    """The service's own time, or else this machine's."""
    return parsedate_to_datetime(answer.headers["Date"]) if "Date" in answer.headers else datetime.now(UTC)


def created(job: Answer) -> datetime:
    """When a job was made."""
    text = (job.body.get("systemData") or {}).get("createdAt")
    return time_of(text) if text else moment(job)


def time_of(text: str) -> datetime:
    """A time as the services write it: with any number of digits, in UTC where no zone is named."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def ranks(job: Answer) -> int:
    """How many processes a job has on all its nodes together."""
    held = properties(job)
    nodes = (held.get("resources") or {}).get("instanceCount") or 1
    return int(nodes) * int((held.get("distribution") or {}).get("processCountPerInstance") or 1)


def cluster_of(job: Answer) -> str:
    """The name of the cluster that a job runs on; empty for one that has none of its own."""
    return str(properties(job).get("computeId") or "").rpartition("/")[2]


def is_state(cluster: Answer, *states: str) -> bool:
    """Whether a cluster is in one of some states of its making."""
    held = str(properties(cluster).get("provisioningState") or "").lower()
    return held in {state.lower() for state in states}


def trouble(cluster: Answer) -> str:
    """What keeps a cluster from having nodes, in brackets, where it says so."""
    held = properties(cluster)
    errors = [*(held.get("provisioningErrors") or []), *((held.get("properties") or {}).get("errors") or [])]
    said = "; ".join(filter(None, map(service_message, errors)))
    return f" ({said})" if said else ""


def failure(details: Body) -> str:
    """A job's error by the run history, in one line, with what to do about it where that is known; else empty."""
    error = details.get("error") or {}
    text = service_message(error)
    return f"{text}. {hint(str(error))}".rstrip() if text else ""


def seconds(details: Body) -> float:
    """How long a job ran, by the run history."""
    start, end = _moments(details)
    return (end - start).total_seconds() if start and end else 0.0


def _moments(details: Body) -> Iterator[datetime | None]:
    for name in ("startTimeUtc", "endTimeUtc"):
        yield time_of(details[name]) if details.get(name) else None
