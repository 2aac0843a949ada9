"""Ids that follow from runs, tasks and attempts, so that submitting twice ends in the same job."""

import hashlib
import re

LIMIT = 64
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_ATTEMPT = 5  # characters for '-' and an attempt of four digits


def job_prefix(run_id: str) -> str:
    """What the ids of all jobs of a run begin with; a run id too long for Batch is cut and told apart by a hash."""
    if len(run_id) <= LIMIT - _ATTEMPT and _PLAIN.fullmatch(run_id):
        return f"{run_id}-"
    shown = re.sub("[^A-Za-z0-9_-]", "-", run_id)[: LIMIT - _ATTEMPT - 17]
    return f"{shown}-{hashlib.sha256(run_id.encode()).hexdigest()[:16]}-"


def job_id(run_id: str, attempt: int) -> str:
    """The job of an attempt at a run."""
    return f"{job_prefix(run_id)}{attempt}"


def attempt_of(run_id: str, job: str) -> int:
    """The attempt whose job this is; 0 where it is none of the run's. Batch compares ids without case."""
    prefix, rest = job_prefix(run_id).lower(), job.lower()
    number = rest.removeprefix(prefix)
    return int(number) if rest.startswith(prefix) and number.isdecimal() else 0


def log_name(run_id: str, attempt: int, task_id: str, stream: str) -> str:
    """The blob of a task's stream: as local compute names it, with the attempt where that has the try."""
    return f"{run_id}/{task_id}.{attempt}.{stream}.txt"
