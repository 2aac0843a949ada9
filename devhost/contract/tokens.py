"""Issues tokens at a managed-identity endpoint, in App Service's shape, and checks those that requests carry."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devhost.contract.clock import Clock
from devhost.contract.exchange import Answer, Request

API_VERSION = "2019-08-01"
PATH = ("msi", "token")


@dataclass(slots=True)
class Tokens:
    """Tokens by what they are for; `header` is the secret that callers of the endpoint send along."""

    clock: Clock
    header: str
    lifetime: timedelta = timedelta(hours=1)
    issued: int = 0
    _known: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """The identity endpoint's answer."""
        if request.headers.get("x-identity-header") != self.header:
            return Answer(403, {"statusCode": 403, "message": "X-IDENTITY-HEADER is not this endpoint's."})
        if request.query.get("api-version") != API_VERSION or not request.query.get("resource"):
            return Answer(400, {"statusCode": 400, "message": f"api-version={API_VERSION} and resource are needed."})
        resource, token = request.query["resource"], secrets.token_urlsafe(32)
        expires = self.clock.now() + self.lifetime
        self._known[token] = resource.rstrip("/"), expires
        self.issued += 1
        return Answer(
            200,
            {
                "access_token": token,
                "expires_on": str(int(expires.timestamp())),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": "00000000-0000-0000-0000-000000000000",
            },
        )

    def problem(self, request: Request, resource: str) -> str:
        """Why the request's token is not accepted; empty where it is."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self._known:
            return "The token is not known."
        held, expires = self._known[token]
        if held != resource.rstrip("/"):
            return f"The token is for {held}."
        return "The token has expired." if expires <= self.clock.now() else ""

    def revoke(self) -> None:
        """Let every token issued so far be one no more, although its time is not over."""
        self._known.clear()
