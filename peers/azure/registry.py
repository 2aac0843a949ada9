"""A container registry, as far as pulling with an identity goes: https://azure.github.io/acr/AAD-OAuth.html."""

import asyncio
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from peers.azure.exchange import Answer, Contract, Operation, Refusal, Request
from peers.azure.subscription import Unchecked
from peers.azure.tokens import Tokens
from shared.clouds import cloud_of


class Registries(Unchecked):
    """The contract of a registry, whose requests carry no version."""

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        return []


@dataclass(slots=True)
class RegistryService:
    """A registry that has every image but those in `absent`; tokens of the identity are exchanged for its own."""

    tokens: Tokens
    absent: set[str] = field(default_factory=set)
    contract: Contract = field(default_factory=Registries)
    resource: str = ""
    _issued: dict[str, str] = field(default_factory=dict)

    def operations(self) -> list[Operation]:
        return [
            Operation("POST", "/oauth2/exchange", self.exchange),
            Operation("POST", "/oauth2/token", self.token),
            Operation("HEAD", "/v2/{repository}/manifests/{tag}", self.manifest),
        ]

    def refused(self, refusal: Refusal) -> Answer:
        return Answer(refusal.status, {"errors": [{"code": refusal.code, "message": refusal.message}]})

    async def live(self) -> None:
        await asyncio.Event().wait()

    def exchange(self, request: Request) -> Answer:
        given = _form(request)
        if problem := self.tokens.token_problem(given.get("access_token", ""), cloud_of().resource_manager):
            raise Refusal(401, "UNAUTHORIZED", problem)
        return Answer(200, {"refresh_token": self._issue("")})

    def token(self, request: Request) -> Answer:
        given = _form(request)
        if given.get("refresh_token") not in self._issued:
            raise Refusal(401, "UNAUTHORIZED", "The refresh token is not known.")
        return Answer(200, {"access_token": self._issue(given["scope"])})

    def manifest(self, request: Request, repository: str, tag: str) -> Answer:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._issued.get(token) != f"repository:{repository}:pull":
            raise Refusal(401, "UNAUTHORIZED", "authentication required")
        return Answer(404 if f"{repository}:{tag}" in self.absent else 200)

    def _issue(self, scope: str) -> str:
        token = secrets.token_urlsafe(32)
        self._issued[token] = scope
        return token


def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
