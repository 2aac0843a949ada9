"""Issues tokens at a managed-identity endpoint, in App Service's shape, and checks those that requests carry."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from peers import jwt
from peers.azure.clock import Clock
from peers.azure.exchange import Answer, Request

API_VERSION = "2019-08-01"
PATH = ("msi", "token")
PRINCIPAL = "00000000-0000-0000-0000-0000000000aa"
"""Who the tokens are for."""
TENANT = "00000000-0000-0000-0000-0000000000bb"


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
        resource = request.query["resource"]
        expires = self.clock.now() + self.lifetime
        about = {"aud": resource, "oid": PRINCIPAL, "tid": TENANT, "exp": int(expires.timestamp())}
        token = jwt.signed(about | {"jti": secrets.token_urlsafe(32)}, self.header)
        self._known[token] = resource, expires
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
        return self.token_problem(token, resource) if kind == "Bearer" else "There is no token."

    def token_problem(self, token: str, resource: str) -> str:
        """The same of a token that a body holds."""
        if token not in self._known:
            return "The token is not known."
        held, expires = self._known[token]
        if held.rstrip("/") != resource.rstrip("/") or (resource.endswith("/") and held != resource):
            return (
                f"The access token has been obtained from wrong audience or resource '{held}'. It should exactly match "
                f"(including forward slash) with one of the allowed audiences '{resource}'"
            )
        return "The token has expired." if expires <= self.clock.now() else ""

    def revoke(self) -> None:
        """Let every token issued so far be one no more, although its time is not over."""
        self._known.clear()
