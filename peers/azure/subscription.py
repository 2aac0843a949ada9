"""What Resource Manager tells of a subscription: its Batch account, VM sizes, cores, and who has which role."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from peers.azure.exchange import Answer, Contract, Operation, Refusal, Request
from peers.azure.ml.contract import MICROSOFT, ResourceManager, contract_of
from peers.azure.tokens import PRINCIPAL
from shared.clouds import cloud_of

BATCH_FILE = MICROSOFT.parents[1] / "batch/arm-2024-07-01.json"
SUBSCRIPTION = "/subscriptions/{subscriptionId}"
BATCH = f"{SUBSCRIPTION}/providers/Microsoft.Batch"
LEARNING = f"{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices/locations/{{location}}"
AUTHORIZATION = f"{SUBSCRIPTION}/providers/Microsoft.Authorization"
IDENTITY = (
    f"{SUBSCRIPTION}/resourceGroups/{{group}}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{name}}"
)
NODES = "00000000-0000-0000-0000-0000000000bb"
"""The principal of the nodes' identity."""
FAMILY, SIZE, CORES = "standardDADSv5Family", "Standard_D4ads_v5", 4

type Body = dict[str, Any]


class Unchecked:
    """The contract of what no file at hand describes."""

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        return [] if "api-version" in request.query else ["api-version is missing"]

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        return []


class ByProvider:
    """The contract of each provider: Microsoft's file of Azure Batch or Machine Learning where it is at hand."""

    def __init__(self) -> None:
        try:
            self._batch: Contract = ResourceManager(BATCH_FILE.parent, (BATCH_FILE.name,), "2024-07-01")
            self._learning = contract_of()
        except (ImportError, FileNotFoundError):
            self._batch = self._learning = Unchecked()

    def _of(self, operation: Operation) -> Contract:
        if operation.template.startswith(BATCH):
            return self._batch
        return self._learning if operation.template.startswith(LEARNING) else Unchecked()

    def request_problems(self, operation: Operation, request: Request) -> list[str]:
        return self._of(operation).request_problems(operation, request)

    def answer_problems(self, operation: Operation, answer: Answer) -> list[str]:
        return self._of(operation).answer_problems(operation, answer)


@dataclass
class SubscriptionService:
    """A subscription; `roles` are (principal, role, scope), the rest is what it has of one VM size."""

    url: Callable[[], str]
    dedicated_cores: int = 100
    spot_cores: int = 100
    used_cores: int = 0
    sizes: list[str] = field(default_factory=lambda: [SIZE])
    roles: list[tuple[str, str, str]] = field(default_factory=list)
    resource: str = field(default_factory=lambda: cloud_of().resource_manager)

    def __post_init__(self) -> None:
        own = ("Storage Blob Data Contributor", "Storage Queue Data Contributor", "Azure Batch Job Submitter")
        self.roles += [(PRINCIPAL, role, "/subscriptions/s") for role in (*own, "AzureML Data Scientist")]
        self.roles += [(NODES, role, "/subscriptions/s") for role in ("Storage Blob Data Contributor", "AcrPull")]

    @cached_property
    def contract(self) -> Contract:
        """What requests and answers must be like."""
        return ByProvider()

    def operations(self) -> list[Operation]:
        return [
            Operation("GET", f"{BATCH}/batchAccounts", self.accounts),
            Operation("GET", f"{BATCH}/locations/{{locationName}}/virtualMachineSkus", self.skus),
            Operation("GET", f"{LEARNING}/vmSizes", self.vm_sizes),
            Operation("GET", f"{LEARNING}/usages", self.usages),
            Operation("GET", f"{AUTHORIZATION}/roleAssignments", self.assignments),
            Operation("GET", f"{AUTHORIZATION}/roleDefinitions/{{role}}", self.role),
            Operation("GET", IDENTITY, self.identity),
        ]

    def refused(self, refusal: Refusal) -> Answer:
        return Answer(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})

    async def live(self) -> None:
        await asyncio.Event().wait()

    def accounts(self, request: Request, **names: str) -> Answer:
        properties = {
            "accountEndpoint": urlsplit(self.url()).netloc,
            "provisioningState": "Succeeded",
            "poolAllocationMode": "BatchService",
            "dedicatedCoreQuota": self.dedicated_cores,
            "lowPriorityCoreQuota": self.spot_cores,
            "dedicatedCoreQuotaPerVMFamily": [{"name": FAMILY, "coreQuota": self.dedicated_cores}],
            "dedicatedCoreQuotaPerVMFamilyEnforced": True,
            "poolQuota": 100,
            "activeJobAndJobScheduleQuota": 300,
            "allowedAuthenticationModes": ["AAD"],
        }
        place = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/tally"
        kind = "Microsoft.Batch/batchAccounts"
        account = {"id": place, "name": "tally", "type": kind, "location": "loopback", "properties": properties}
        return Answer(200, {"value": [account]})

    def skus(self, request: Request, **names: str) -> Answer:
        cores = [{"name": "vCPUs", "value": str(CORES)}]
        return _listed([{"name": name, "familyName": FAMILY, "capabilities": cores} for name in self.sizes])

    def vm_sizes(self, request: Request, **names: str) -> Answer:
        return _listed([{"name": name, "family": FAMILY, "vCPUs": CORES} for name in self.sizes])

    def usages(self, request: Request, **names: str) -> Answer:
        usage = {"currentValue": self.used_cores, "limit": self.dedicated_cores, "unit": "Count"}
        return _listed([usage | {"name": {"value": FAMILY, "localizedValue": FAMILY}}])

    def assignments(self, request: Request, **names: str) -> Answer:
        principal = request.query["$filter"].removeprefix("assignedTo('").removesuffix("')")
        return _listed(
            [{"properties": _assignment(role, scope)} for who, role, scope in self.roles if who == principal]
        )

    def role(self, request: Request, **names: str) -> Answer:
        return Answer(200, {"properties": {"roleName": names["role"].replace("-", " ")}})

    def identity(self, request: Request, **names: str) -> Answer:
        return Answer(200, {"name": names["name"], "properties": {"principalId": NODES}})


def _assignment(role: str, scope: str) -> Mapping[str, str]:
    place = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role.replace(' ', '-')}"
    return {"roleDefinitionId": place, "scope": scope}


def _listed(items: list[Body]) -> Answer:
    return Answer(200, {"value": items})
