"""What a request may change of a job: the rest is compared with what is stored, not with what was sent first."""

from typing import Any

from peers.azure.ml.errors import Refused
from peers.azure.ml.shown import stored
from peers.azure.ml.state import Body, Job, Workspace

TAKEN = (
    "A job with this name already exists. If you are trying to create a new job, use a different name. If you are "
    "trying to update an existing job, the existing job's {} cannot be changed. Only description, tags, displayName, "
    "properties, and isArchived can be updated."
)
CHANGEABLE = frozenset({"description", "tags", "displayName", "properties", "isArchived"})


def change(job: Job, asked: Body, workspace: Workspace) -> None:
    """Change a job, tags merged; raises Refused for what is fixed.

    The very request that made a job is refused, too: it has no output `default`, which the service added.
    """
    held = stored(job, workspace)
    sent: Body = {"inputs": {}, "outputs": {}} | {name: value for name, value in asked.items() if value is not None}
    fixed = sorted(name for name in sent.keys() - CHANGEABLE if _differs(sent[name], held.get(name)))
    fixed += [name for name in ("inputs", "outputs") if name not in fixed and sent[name].keys() != held[name].keys()]
    if fixed:
        names = ",  ".join(f"{name[0].upper()}{name[1:]}" for name in fixed)
        raise Refused(400, TAKEN.format(names), "Immutable", "JobPropertyImmutable")
    job.changed |= {name: sent[name] for name in CHANGEABLE & sent.keys()}
    job.changed["tags"] = (held.get("tags") or {}) | (sent.get("tags") or {})


def _differs(sent: Any, held: Any) -> bool:
    """Whether something sent is not what is stored; what was not sent counts as it is."""
    if isinstance(sent, dict) and isinstance(held, dict):
        return any(_differs(value, held.get(name)) for name, value in sent.items())
    return bool(sent != held)
