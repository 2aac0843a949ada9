"""The workspace over REST: calls that are tried again a few times, refused tokens replaced, errors put plainly."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from shared.clouds import cloud_of
from shared.compute.azure import TIMEOUTS, service_message
from shared.compute.patience import PASSING, Unanswered, persist
from shared.errors import InvalidInput, SettingsError, TallyError, Transient
from shared.identity import Identity

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpResponse

API_VERSION = "2024-10-01"

type Body = dict[str, Any]


HINTS = {
    "quota": "Ask for more cores of that size's family in the portal (Quotas), or choose another size.",
    "preempt": "`tally runs retry` does what is left.",
    "pre-empt": "`tally runs retry` does what is left.",
}
"""What to do about a reason that holds a word."""


def hint(reason: str) -> str:
    """What to do about a reason of the service's, where that is known."""
    return next((said for word, said in HINTS.items() if word in reason.lower()), "")


class Refused(InvalidInput):
    """The service's no, with its status; trying the same again at once does not mend it."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"Azure Machine Learning refuses the request: {said}.", hint(said))
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer; `date` is the service's own time."""

    status: int
    body: Body
    headers: Mapping[str, str]


@dataclass(slots=True)
class Workspace:
    """A workspace by its resource id, reached with the app's identity; a client per kind of token, for all threads."""

    resource: str
    endpoint: str
    _clients: "dict[str, PipelineClient[Any, Any]]" = field(default_factory=dict, repr=False)

    def get(self, part: str) -> Answer | None:
        """A resource below the workspace, or None where there is none; '' is the workspace itself."""
        answer = self._call("GET", self._below(part))
        return None if answer.status == 404 else answer

    def put(self, part: str, body: Body) -> Answer:
        """Make or replace a resource; safe to repeat. Raises Refused, and SettingsError for what it names in vain."""
        answer = self._call("PUT", self._below(part), body)
        if answer.status != 404:
            return answer
        if self.get("") is None:
            raise SettingsError(f"{self.resource} is not there ({_said(answer)}).", "Check AML_WORKSPACE.")
        raise SettingsError(f"{part} names something that is not there ({_said(answer)}).", "Check the AML_ settings.")

    def cancel(self, job: str) -> None:
        """Have a job cancelled; one that is ending, has ended or is gone stays as it is. Raises Transient."""
        with suppress(Refused):
            self._call("POST", self._below(f"jobs/{job}/cancel"))

    def details(self, job: str) -> Body:
        """What the run history tells of a job, in the region's own service; empty where it tells nothing."""
        try:
            found = self.get("")
            place = found.body["properties"].get("discoveryUrl", "") if found else ""
            if not place:
                return {}
            region = self._call("GET", place, history=True).body["api"]  # which Microsoft's client asks
            answer = self._call("GET", f"{region}/history/v1.0{self.resource}/runs/{job}/details", history=True)
        except (TallyError, KeyError):
            return {}
        return answer.body if answer.status == 200 else {}

    def _below(self, part: str) -> str:
        if not self.resource:
            raise SettingsError(
                "AML_WORKSPACE is not set.",
                "It is /subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/W.",
            )
        return f"{self.endpoint.rstrip('/')}{self.resource}/{part}".rstrip("/")

    def _call(self, method: str, url: str, body: Body | None = None, history: bool = False) -> Answer:
        """The answer to a request that is safe to repeat: an answer can be lost after the service acted.

        Raises Refused for other refusals than 404, SettingsError, and Transient where no answer is to be had.
        """
        from azure.core.exceptions import AzureError

        def attempt() -> Answer:
            try:
                response = self._sent(method, url, body, history)
            except AzureError as error:
                raise Unanswered(_unreachable(str(error).partition("\n")[0].rstrip("."))) from error
            try:
                return _settled(response)
            except msgspec.DecodeError as error:
                unread = f"status {response.status_code} with something that is no JSON"
                raise Unanswered(_unreachable(unread), response) from error

        return persist(attempt, renew=self._clients.clear)

    def _sent(self, method: str, url: str, body: Body | None, history: bool) -> "HttpResponse":
        from azure.core.rest import HttpRequest

        params = {} if history else {"api-version": API_VERSION}
        cloud = cloud_of(self.endpoint)
        scope = f"{cloud.machine_learning if history else cloud.resource_manager}/.default"
        response: HttpResponse = self._connected(scope).send_request(HttpRequest(method, url, params=params, json=body))
        return response

    def _connected(self, scope: str) -> "PipelineClient[Any, Any]":
        if scope not in self._clients:
            from azure.core import PipelineClient
            from azure.core.pipeline.policies import BearerTokenCredentialPolicy, UserAgentPolicy

            options: dict[str, Any] = dict(TIMEOUTS)
            token = BearerTokenCredentialPolicy(Identity(self.endpoint), scope)
            self._clients[scope] = PipelineClient(self.endpoint, policies=[UserAgentPolicy("tally"), token], **options)
        return self._clients[scope]


def _settled(response: "HttpResponse") -> Answer:
    """An answer that trying again does not change; raises Unanswered, Refused, SettingsError, msgspec.DecodeError."""
    if response.status_code in PASSING:
        raise Unanswered(_unreachable(f"status {response.status_code}"), response)
    answer = Answer(response.status_code, _json(response), response.headers)
    if response.status_code in (401, 403):
        refused = SettingsError(
            f"Azure Machine Learning refuses the app's identity ({_said(answer)}).",
            "It needs the role 'AzureML Data Scientist' on the workspace.",
        )
        raise Unanswered(refused, response) if response.status_code == 401 else refused
    if response.status_code >= 400 and response.status_code != 404:
        raise Refused(response.status_code, _said(answer))
    return answer


def _json(response: "HttpResponse") -> Body:
    """The body; empty where it is no object: a cancellation's is null, a 404 has any form, or none at all.

    What stands between may refuse an identity in a form of its own, too.
    """
    content = response.read()
    try:
        body = msgspec.json.decode(content) if content else {}
    except msgspec.DecodeError:
        if response.status_code not in (401, 403, 404):
            raise
        return {}
    return body if isinstance(body, dict) else {}


def _said(answer: Answer) -> str:
    return service_message(answer.body) or f"status {answer.status}"


def _unreachable(reason: str) -> Transient:
    return Transient(f"Azure Machine Learning does not answer as it should: {reason}.", "It is tried again later.")
