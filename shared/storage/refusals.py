"""What a storage account answers instead of what was asked for, in our terms: whether to try again, what to mend."""

import re
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError

from shared.errors import Conflict, InvalidInput, SettingsError, TallyError, TooLarge, Transient
from shared.identity import refusal
from shared.settings.storage_account import LOOPBACK

CHANGED = frozenset({"BlobAlreadyExists", "BlobOverwritten", "ConditionNotMet"})
"""Somebody else wrote first: reading again and writing again may work."""

_PASSING = ("BeingDeleted", "BeingCreated", "BeingRehydrated", "Lease", "Pending", "InvalidBlockList")
"""Parts of codes of what ends by itself. The last: another writer's commit threw the blocks of this one away."""

_HINTS = {
    "AuthenticationFailed": "The key or SAS is wrong, was renewed, or has expired, or this clock is wrong.",
    "AuthorizationPermissionMismatch": "The identity lacks a role on the account: Storage Blob Data Contributor for "
    "blobs, Storage Queue Data Contributor for queues. A new one takes up to ten minutes.",
    "AuthorizationFailure": "The account's firewall does not let this network in, or the SAS allows less than this; "
    "Azurite says so of a wrong key.",
    "AuthorizationSourceIPMismatch": "The SAS is for other addresses than this machine's.",
    "InsufficientAccountPermissions": "The key or SAS allows less than this.",
    "KeyBasedAuthenticationNotPermitted": "The account takes no keys: use an identity (NAME__blobServiceUri).",
    "AccountIsDisabled": "The account is disabled; its subscription may have run out.",
    "NoAuthenticationInformation": "Give the connection a key, or an identity a role on the account.",
    "BlobArchived": "Bring it back from the archive tier first; that takes hours.",
    "SnapshotsPresent": "Delete its snapshots first.",
    "BlobImmutableDueToPolicy": "A policy of the container keeps it as it is.",
}
_REFUSED = (
    "Look at the identity's roles (Storage Blob Data Contributor, Storage Queue Data Contributor) or the key or SAS, "
    "and at the account's firewall."
)


def as_tally_error(error: AzureError, what: str, address: str = "") -> TallyError:
    """The error of ours that an SDK's error about `what` at an address stands for.

    Conflict: changed by somebody else. Transient: later it may work. SettingsError: the account refuses us, or does not
    speak our version. InvalidInput, TooLarge: it will never take this.
    https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
    """
    if refused := refusal(error):
        return refused
    status, code = _status(error), _code(error)
    if status is None or status < 300 or status in (408, 429) or status >= 500:  # below: an answer nobody can read
        return Transient(f"{what} cannot be reached: {_reason(error)}.", _remedy(status, address))
    if code in CHANGED or (status == 412 and not code):
        return Conflict(f"{what} was changed by somebody else.")
    said = f"{what}: storage answers {code or status}: {_reason(error)}."
    if status in (401, 403):
        return SettingsError(said, _HINTS.get(code, _REFUSED))
    if any(part in code for part in _PASSING) or status == 404:
        return Transient(said, "It is tried again.")
    if _is_of_version(error):
        return SettingsError(said, "Set STORAGE_API_VERSION to a version that the account knows.")
    return (TooLarge if status == 413 else InvalidInput)(said, _HINTS.get(code, ""))


def _status(error: AzureError) -> int | None:
    return error.status_code if isinstance(error, HttpResponseError) else None


def _code(error: AzureError) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _is_of_version(error: AzureError) -> bool:
    return (getattr(error, "additional_info", None) or {}).get("headername") == "x-ms-version"


def _reason(error: AzureError) -> str:
    lines = str(error.message).strip().splitlines()
    said = next((line for line in lines if not line.startswith("The provided service version is not")), "no reason")
    if isinstance(error, ServiceRequestError):  # no connection: the system's word comes last, after the client's own
        said = said.removesuffix('"))').rpartition(": ")[2]
    return re.sub(r"^\(\w+\) |\[Errno -?\d+\] ", "", said).rstrip(".")


def _remedy(status: int | None, address: str) -> str:
    if status is not None:
        return "It is tried again."
    if urlsplit(address).hostname in LOOPBACK:
        return "Is the storage account up? (`make up`)"
    return "Look at the account's name, its firewall, and this machine's network."
