"""The Batch account: calls that are tried again a few times, refused tokens replaced, errors put plainly."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.clouds import cloud_of
from shared.compute.azure import TIMEOUTS, service_message
from shared.compute.patience import PASSING, Unanswered, persist
from shared.errors import InvalidInput, SettingsError, TallyError, Transient
from shared.identity import Identity

if TYPE_CHECKING:
    from azure.batch import BatchClient
    from azure.core.exceptions import HttpResponseError
    from azure.core.rest import HttpResponse


@dataclass(slots=True)
class BatchAccount:
    """An account, reached with the app's identity; one client for all threads."""

    endpoint: str
    _client: "BatchClient | None" = field(default=None, repr=False)

    def call[T](self, act: Callable[["BatchClient"], T]) -> T:
        """What `act` returns; it must be safe to repeat, because an answer can be lost after the service acted.

        Raises the SDK's HttpResponseError for what a caller may know how to take (404, 409, 413), InvalidInput for
        other refusals, Transient where the service cannot be reached.
        """
        from azure.core.exceptions import AzureError, HttpResponseError

        def attempt() -> T:
            try:
                return act(self._connected())
            except HttpResponseError as error:
                if error.status_code == 401:
                    raise Unanswered(refused(error), error.response) from error
                if _passing(error):
                    raise Unanswered(unreachable(error), error.response) from error
                raise refused(error) from error
            except (AzureError, ValueError) as error:  # a ValueError: an answer that is not JSON
                raise Unanswered(unreachable(error)) from error

        return persist(attempt, renew=self._forget)

    def _forget(self) -> None:
        self._client = None

    def terminate(self, job_id: str, reason: str) -> None:
        """Have a job ended; raises as `call` does."""
        # begin_terminate_job would start a thread that polls until the end.
        self._sent("POST", f"jobs/{job_id}/terminate", {"terminateReason": reason})

    def file(self, job_id: str, task_id: str, name: str) -> bytes:
        """A file of a task as it is on its node now; raises as `call` does."""
        # download_task_file streams, and so leaves unread what the service says where it refuses.
        return self._sent("GET", f"jobs/{job_id}/tasks/{task_id}/files/{name}").content

    def _sent(self, method: str, path: str, body: dict[str, str] | None = None) -> "HttpResponse":
        from azure.core.rest import HttpRequest

        kind = {"content-type": "application/json; odata=minimalmetadata"} if body else {}
        version = {"api-version": "2025-06-01"}
        request = HttpRequest(method, f"{{endpoint}}/{path}", params=version, headers=kind, json=body)
        return self.call(lambda client: client.send_request(request))

    def _connected(self) -> "BatchClient":
        if self._client is None:
            if not self.endpoint:
                raise SettingsError("BATCH_ENDPOINT is not set.", "It is https://ACCOUNT.REGION.batch.azure.com.")
            from azure.batch import BatchClient

            identity: Any = Identity(self.endpoint)
            scopes = [f"{cloud_of(self.endpoint).batch}/.default"]
            self._client = BatchClient(self.endpoint, identity, retry_total=0, credential_scopes=scopes, **TIMEOUTS)
        return self._client


def _passing(error: "HttpResponseError") -> bool:
    """Whether trying again may help: the service is busy, or what answered was not the service."""
    status = error.status_code or 0
    stranger = not code_of(error) and status not in (401, 403)
    return stranger or status in PASSING or status < 300


def code_of(error: "HttpResponseError") -> str:
    """The service's own name of what went wrong."""
    return str(getattr(error.model, "code", None) or "")


def refused(error: "HttpResponseError") -> Exception:
    """The error to raise for an answer that trying again at once does not mend."""
    if error.status_code in (404, 409, 413):
        return error
    words = said(error)
    if error.status_code == 403 and code_of(error) == "AuthenticationFailed":
        return SettingsError(f"Azure Batch does not know whom it is asked by ({words}).", "Check BATCH_ENDPOINT.")
    if error.status_code in (401, 403):
        return SettingsError(
            f"Azure Batch refuses the app's identity ({words}).",
            "It needs the role 'Azure Batch Job Submitter' on the Batch account.",
        )
    return InvalidInput(f"Azure Batch refuses the request: {words}.")


def unreachable(error: Exception) -> TallyError:
    """The error to raise where every try failed."""
    return Transient(f"Azure Batch does not answer as it should: {said(error)}.", "It is tried again later.")


def said(error: Exception) -> str:
    """What went wrong, in one line: in the service's words where it said any."""
    return service_message(getattr(error, "model", None) or {"message": str(error)}) or type(error).__name__
