"""Azure's REST interfaces as `tally doctor --azure` reads them: with its own identity, changing nothing."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.clouds import Cloud, cloud_of
from shared.errors import NotFound, SettingsError, TallyError, Transient
from shared.identity import Identity
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.core.rest import HttpResponse

type Body = dict[str, Any]
type Look = Callable[[], str]
"""Says in words how a thing is, or raises TallyError."""
PATIENCE = {"connection_timeout": 10, "read_timeout": 30}
ASK_FOR_MORE = "Ask for more of it in the portal (Quotas), choose another VM size or region, or fewer nodes."


class NotChecked(TallyError):
    """It cannot be told without changing something, or without a right that the identity need not have."""


def subscription(settings: Settings) -> str:
    """The subscription that the settings' resource ids are in; raises SettingsError."""
    for resource in (settings.batch_identity, settings.aml_workspace):
        if resource.lower().startswith("/subscriptions/"):
            return resource.split("/")[2]
    raise SettingsError("No setting names the subscription.", "BATCH_IDENTITY and AML_WORKSPACE are resource ids.")


@dataclass(slots=True)
class AzureRest:
    """Resource Manager at `endpoint`, and registries."""

    endpoint: str
    _client: "PipelineClient[Any, Any] | None" = field(default=None, repr=False)
    _identity: Identity | None = None

    @property
    def cloud(self) -> Cloud:
        """The cloud of this Resource Manager."""
        return cloud_of(self.endpoint)

    def token(self, audience: str = "") -> str:
        """A token of the identity, for Resource Manager or an audience; raises SettingsError where it gets none."""
        logging.getLogger("azure.identity").setLevel(logging.CRITICAL)  # it logs at length what it raises
        self._identity = self._identity or Identity(self.endpoint)
        return self._identity.get_token(f"{audience or self.cloud.resource_manager}/.default").token

    def principal(self) -> str:
        """The object id of the identity, which its tokens name; empty where they do not."""
        try:
            payload = self.token().split(".")[1]
            return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("oid", ""))
        except (IndexError, ValueError):
            return ""

    def get(self, resource: str, version: str, **query: str) -> Body:
        """A resource of Resource Manager. Raises NotFound, SettingsError where reading it is refused, Transient."""
        url = resource if resource.startswith("https:") else f"{self.endpoint.rstrip('/')}{resource}"
        params = {} if "api-version=" in url else {"api-version": version, **query}
        answer = self.send("GET", url, params=params, headers={"Authorization": f"Bearer {self.token()}"})
        if answer.status_code == 200:
            return _json(answer)
        raise _refused(resource, answer)

    def all(self, resource: str, version: str, **query: str) -> Iterator[Body]:
        """The items of a list, over all its pages; raises as `get` does."""
        page = self.get(resource, version, **query)
        yield from page.get("value", [])
        while link := page.get("nextLink"):
            page = self.get(link, version)
            yield from page.get("value", [])

    def image(self, name: str) -> None:
        """See that an image is in its registry and may be pulled; raises NotFound, SettingsError, Transient.

        Raises NotChecked for a registry that is not of this cloud, nor on this machine: it must not see a token.
        https://azure.github.io/acr/AAD-OAuth.html
        """
        registry, _, rest = name.partition("/")
        if not registry.partition(":")[0].lower().endswith((f".{self.cloud.registry_suffix}", "127.0.0.1")):
            raise NotChecked(f"not checked: {registry} is no registry of Azure's, so it is sent no token.")
        repository, _, tag = rest.rpartition(":")
        exchange = {"grant_type": "access_token", "service": registry, "access_token": self.token()}
        refresh = self._form(f"https://{registry}/oauth2/exchange", exchange)["refresh_token"]
        scope = f"repository:{repository}:pull"
        ask = {"grant_type": "refresh_token", "service": registry, "scope": scope, "refresh_token": refresh}
        token = self._form(f"https://{registry}/oauth2/token", ask)["access_token"]
        kinds = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, */*"
        headers = {"Authorization": f"Bearer {token}", "Accept": kinds}
        answer = self.send("HEAD", f"https://{registry}/v2/{repository}/manifests/{tag}", headers=headers)
        if answer.status_code == 404:
            raise NotFound(f"There is no image {name}.", "Build and push it.")
        if answer.status_code != 200:
            raise _refused(name, answer)

    def _form(self, url: str, data: dict[str, str]) -> Body:
        answer = self.send("POST", url, data=data)
        if answer.status_code != 200:
            raise _refused(urlsplit(url).netloc, answer)
        return _json(answer)

    def send(self, method: str, url: str, **parts: Any) -> "HttpResponse":
        """The answer, whatever its status; raises Transient where there is none."""
        from azure.core import PipelineClient
        from azure.core.exceptions import AzureError
        from azure.core.pipeline.policies import RetryPolicy, UserAgentPolicy
        from azure.core.rest import HttpRequest

        if self._client is None:
            policies = [UserAgentPolicy("tally"), RetryPolicy(retry_total=2, retry_backoff_factor=0.2)]
            options: dict[str, Any] = dict(PATIENCE)
            self._client = PipelineClient(self.endpoint, policies=policies, **options)
        try:
            response: HttpResponse = self._client.send_request(HttpRequest(method, url, **parts))
            response.read()
        except AzureError as error:
            said = str(error).partition("\n")[0].removesuffix("'))").rpartition(": ")[2].rstrip(".")
            host = urlsplit(url).netloc
            raise Transient(f"{host} cannot be reached: {said}.", "Check the address, DNS and firewalls.") from error
        return response


def _json(answer: "HttpResponse") -> Body:
    try:
        held = answer.json()
    except ValueError as error:
        host = urlsplit(answer.request.url).netloc
        raise Transient(f"{host} answers with something that is no JSON.", "Is there a proxy between?") from error
    return held if isinstance(held, dict) else {}


def _refused(what: str, answer: "HttpResponse") -> TallyError:
    status = answer.status_code
    try:
        error = _json(answer).get("error", {})
    except Transient:
        error = {}
    said = f"{status} {error.get('code', '') if isinstance(error, dict) else ''}".strip()
    if status == 404:
        return NotFound(f"{what} is not there ({said}).", "It was deleted, or the settings name another.")
    if status in (401, 403):
        return SettingsError(f"{what} may not be read ({said}).", "The identity needs a role there, such as Reader.")
    return Transient(f"{what} cannot be read ({said}).", "Try again later.")
