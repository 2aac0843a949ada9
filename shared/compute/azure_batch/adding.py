"""Adds a job's tasks group by group; the SDK's own way repeats failed requests without end."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import batched
from typing import TYPE_CHECKING, Any

from shared.compute.azure import folded, service_message
from shared.compute.azure_batch.account import BatchAccount, code_of, refused, said
from shared.compute.azure_batch.submission import Body
from shared.errors import InvalidInput, Overloaded, Transient

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.core.exceptions import HttpResponseError

AT_ONCE = 4
"""Requests side by side."""
TRIES = 5


def add_tasks(account: BatchAccount, job_id: str, groups: Iterable[Sequence[Body]]) -> bool:
    """Add all tasks, those that exist already counting as added; False where the job takes none any more.

    Raises InvalidInput for a task that the service never takes, Transient where it cannot add one now.
    """
    with ThreadPoolExecutor(AT_ONCE, "batch-submit") as threads:
        for few in batched(groups, AT_ONCE, strict=False):
            if not all(list(threads.map(partial(_add, account, job_id), few))):
                return False
    return True


def _add(account: BatchAccount, job_id: str, group: Sequence[Body]) -> bool:
    from azure.core.exceptions import HttpResponseError

    left = list(group)
    for _ in range(TRIES):
        try:
            results = account.call(partial(_request, job_id, left))
        except HttpResponseError as error:
            if error.status_code == 413 and len(left) > 1:
                half = len(left) // 2
                return _add(account, job_id, left[:half]) and _add(account, job_id, left[half:])
            if _takes_none(error):
                return False
            raise _refusal(left, error) from error
        left = left_to_add(left, results)
        if not left:
            return True
    raise Transient(f"Azure Batch could not add {len(left)} tasks to job {job_id}.", "It is tried again later.")


def _takes_none(error: "HttpResponseError") -> bool:
    """Whether the job is over, disabled, or gone."""
    code = code_of(error)
    return error.status_code in (404, 409) and (code.startswith("Job") or code == "OperationInvalidForCurrentState")


def _refusal(group: Sequence[Body], error: "HttpResponseError") -> Exception:
    if "quota" in folded(code_of(error)):
        return Overloaded(f"Azure Batch cannot take tasks now ({code_of(error)}).", "It is tried again later.")
    if error.status_code in (404, 409, 413):
        names = group[0]["displayName"] if len(group) == 1 else f"{group[0]['displayName']} and others"
        return InvalidInput(f"Azure Batch does not take task {names}: {said(error)}.")
    return refused(error)


def _request(job_id: str, group: list[Body], client: "BatchClient") -> list[Any]:
    body: Any = {"value": group}
    return client.create_task_collection(job_id, body).result_values or []


def left_to_add(group: Sequence[Body], results: Sequence[Any]) -> list[Body]:
    """The tasks that are not known to be there now; raises InvalidInput for one that the service never takes."""
    there, names = set[str](), {body["id"]: body["displayName"] for body in group}
    for result in results:
        status = folded(result.status)
        if status == "success" or folded(getattr(result.error, "code", "")) == "taskexists":
            there.add(str(result.task_id))
        elif status == "clienterror":
            name = names.get(result.task_id, result.task_id)
            raise InvalidInput(f"Azure Batch does not take task {name}: {service_message(result.error or {})}.")
    return [body for body in group if body["id"] not in there]
