"""What the service says when it refuses: its codes, and sentences that are the same whatever the cause."""

import re
from datetime import datetime
from uuid import uuid4

from peers.azure.batch.describe import stamp
from peers.azure.batch.state import Body
from peers.azure.exchange import Refusal

_SENTENCES = {
    "AuthenticationFailed": (
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly."
    ),
    "AccountLowPriorityCoreQuotaReached": "The specified account has reached low priority core quota",
    "AccountCoreQuotaReached": "The specified account has reached core quota",
    "ActiveJobAndScheduleQuotaReached": "Active job and job schedule quota for the account has been reached.",
    "FileNotFound": "The specified file does not exist.",
    "InvalidPropertyValue": "The value provided for one of the properties in the request body is invalid.",
    "InvalidQueryParameterValue": "Value for one of the query parameters specified in the request URI is invalid.",
    "InvalidRequestBody": "The specified request body is not syntactically valid.",
    "JobBeingDeleted": "The specified job has been marked for deletion and is being reclaimed.",
    "JobBeingTerminated": "The specified job is being terminated.",
    "JobCompleted": "The specified job is already in a completed state.",
    "JobDisabled": "The specified job is disabled.",
    "JobExists": "The specified job already exists.",
    "JobNotFound": "The specified job does not exist.",
    "MissingRequiredProperty": "A required property was not specified in the request body.",
    "NodeNotFound": "The specified node does not exist.",
    "NodeNotReady": "Node is not able to perform the requested operations in its current state",
    "OperationInvalidForCurrentState": "The specified operation is not valid for the current state of the resource.",
    "PoolAutoScaleEnabled": "Auto scale is enabled on the pool.",
    "PoolBeingDeleted": "The specified pool has been marked for deletion and is being reclaimed.",
    "PoolExists": "The specified pool already exists.",
    "PoolNotFound": "The specified pool does not exist.",
    "RequestBodyTooLarge": "The request body is too large and exceeds the maximum permissible limit.",
    "ServerBusy": "Server is currently unable to receive requests. Please retry your request.",
    "TaskCompleted": "The specified task is already in a completed state.",
    "TaskExists": "The specified task already exists.",
    "TaskFilesUnavailable": "The files for the specified task are unavailable on the target node.",
    "TaskNotFound": "The specified task does not exist.",
    "TooManyEnableAutoScaleRequests": "Too many enable auto scale requests have been made on the pool.",
    "TooManyRequests": "Request failed as server encountered too many requests. Please try again.",
    "UnsupportedProperty": "One of the properties specified in the request body is not supported.",
}


def sentence(code: str) -> str:
    """The sentence of a code."""
    return _SENTENCES.get(code, code)


def refusal(status: int, code: str, **values: str) -> Refusal:
    """A refusal in the service's words."""
    return Refusal(status, code, sentence(code), values)


def invalid(name: str, value: object, reason: str) -> Refusal:
    """A property that has a value which it may not have."""
    return refusal(400, "InvalidPropertyValue", PropertyName=name, PropertyValue=str(value), Reason=reason)


def error_body(code: str, message: str, values: dict[str, str], now: datetime) -> Body:
    """An error as bodies have it: the message ends in the request's id and the time."""
    text = f"{message}\nRequestId:{uuid4()}\nTime:{stamp(now)}"
    error: Body = {"code": code, "message": {"lang": "en-US", "value": text}}
    if values:
        error["values"] = [{"key": key} | ({"value": value} if value else {}) for key, value in values.items()]
    return error


def of_problems(problems: list[str]) -> Refusal:
    """The refusal of a request that breaks the contract, by the first thing that is wrong with it."""
    first = problems[0]
    if match := re.search(r"query parameter (\S+) is (?:'(.*)'|unknown|missing)", first):
        name, value = match.groups()
        values = {"QueryParameterName": name, "QueryParameterValue": value or "", "Reason": first}
        return Refusal(400, "InvalidQueryParameterValue", sentence("InvalidQueryParameterValue"), values)
    if match := re.search(r"[\"'`](\w+)[\"'`] is a required property|missing required field `(\w+)`", first):
        return refusal(400, "MissingRequiredProperty", PropertyName=match[1] or match[2])
    if match := re.search(r"'(\w+)' was unexpected|unknown field `(\w+)`", first):
        return refusal(400, "UnsupportedProperty", PropertyName=match[1] or match[2])
    place, _, reason = first.rpartition(": ")
    if not place:
        return refusal(400, "InvalidRequestBody", Reason=first)
    return refusal(400, "InvalidPropertyValue", PropertyName=place.replace("/", "."), PropertyValue="", Reason=reason)
