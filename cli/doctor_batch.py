"""What `tally doctor --azure` looks at in Azure Batch: account, pool, formula, VM size and cores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlsplit

from cli.azure_rest import ASK_FOR_MORE, AzureRest, Body, Look, NotChecked, subscription
from shared.compute import Image
from shared.compute.azure import folded, service_message
from shared.compute.azure_batch.account import BatchAccount, said
from shared.compute.azure_batch.pool import pool_formula
from shared.compute.azure_batch.submission import named, vm_size
from shared.errors import NotFound, SettingsError
from shared.settings import Settings

VERSION = "2024-07-01"


@dataclass(frozen=True)
class BatchChecks:
    """The account and the pools that the settings name for some images."""

    settings: Settings
    rest: AzureRest
    images: Sequence[Image]

    def looks(self) -> Iterator[tuple[str, Look]]:
        """All there is to look at."""
        yield "Batch account", self._named
        for pool in dict.fromkeys(named(self.settings.batch_pool, image.name) for image in self.images):
            yield f"pool {pool}", partial(self._pool, pool)
            yield "its formula", partial(self._formula, pool)
        for name in dict.fromkeys(vm_size(self.settings, image.node) for image in self.images):
            yield name, partial(self._offered, name)
            yield f"cores of {name.removeprefix('Standard_')}", partial(self._enough_cores, name)

    @cached_property
    def _account(self) -> Body:
        """The Batch account as Resource Manager has it."""
        host = urlsplit(self.settings.batch_endpoint).netloc
        place = f"/subscriptions/{subscription(self.settings)}/providers/Microsoft.Batch/batchAccounts"
        for account in self.rest.all(place, VERSION):
            if folded(account["properties"].get("accountEndpoint")) == host.lower():
                return account
        raise NotFound(
            f"Subscription {subscription(self.settings)} has no Batch account at {host!r}.", "Check BATCH_ENDPOINT."
        )

    def _named(self) -> str:
        properties = self._account["properties"]
        state, modes = properties.get("provisioningState"), properties.get("allowedAuthenticationModes") or ["AAD"]
        if folded(state) != "succeeded" or "aad" not in map(folded, modes):
            raise SettingsError(f"It is {state} and takes {', '.join(modes)}.", "It must exist and allow AAD.")
        return f"{self._account['name']} in {self._account['location']}"

    def _held_pool(self, pool: str) -> Any:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return BatchAccount(self.settings.batch_endpoint).call(lambda client: client.get_pool(pool))
        except ResourceNotFoundError as error:
            hint = "Make it: `python -m shared.compute.azure_batch.pool` prints it."
            raise NotFound(f"There is no pool {pool}.", hint) from error

    def _pool(self, pool: str) -> str:
        held = self._held_pool(pool)
        if troubles := [service_message(each) for each in held.resize_errors or []]:
            raise SettingsError(f"It cannot have the nodes it wants: {'; '.join(troubles)}.", ASK_FOR_MORE)
        if held.auto_scale_run and held.auto_scale_run.error:
            said = service_message(held.auto_scale_run.error)
            raise SettingsError(
                f"Its formula failed when Batch last looked: {said}.", "Make it anew from the settings."
            )
        if folded(held.state) != "active":
            raise SettingsError("It is being deleted.", "Make it anew from the settings.")
        identities = held.identity.user_assigned_identities if held.identity else None
        if self.settings.batch_identity.lower() not in {each.resource_id.lower() for each in identities or []}:
            raise SettingsError("Its nodes do not have the identity BATCH_IDENTITY.", "Make it anew from the settings.")
        machine = held.virtual_machine_configuration
        if machine is None or machine.container_configuration is None:
            raise SettingsError("Its nodes run no containers.", "Make it anew from the settings.")
        nodes = f"{held.current_dedicated_nodes or 0} dedicated, {held.current_low_priority_nodes or 0} spot"
        return f"nodes of {held.vm_size}: {nodes}"

    def _formula(self, pool: str) -> str:
        from azure.core.exceptions import HttpResponseError

        held = self._held_pool(pool)
        if not held.enable_auto_scale:
            raise SettingsError("The pool does not scale by itself.", "Make it anew from the settings.")
        body: Any = {"autoScaleFormula": held.auto_scale_formula}
        try:
            run = BatchAccount(self.settings.batch_endpoint).call(
                lambda client: client.evaluate_pool_auto_scale(pool, body)
            )
        except HttpResponseError as error:
            raise SettingsError(f"It cannot be evaluated: {said(error)}.", "Make the pool anew.") from error
        if run.error:
            raise SettingsError(f"It fails: {service_message(run.error)}.", "Make the pool anew from the settings.")
        changed = (
            ""
            if held.auto_scale_formula == pool_formula(self.settings)
            else " (another than the settings make: was it changed?)"
        )
        results = dict(part.partition("=")[::2] for part in str(run.results).split(";"))
        nodes = [results.get(f"$Target{kind}Nodes", "0") for kind in ("Dedicated", "LowPriority")]
        return f"asks for {nodes[0]} dedicated and {nodes[1]} spot nodes now{changed}"

    def _size(self, name: str) -> Body:
        """A VM size as the region offers it."""
        region = self._account["location"]
        for size in self._sizes:
            if size["name"].lower() == name.lower():
                return size
        raise SettingsError(f"Batch does not offer {name} in {region}.", "Choose another BATCH_VM_SIZE.")

    @cached_property
    def _sizes(self) -> list[Body]:
        provider = f"/subscriptions/{subscription(self.settings)}/providers/Microsoft.Batch"
        return list(self.rest.all(f"{provider}/locations/{self._account['location']}/virtualMachineSkus", VERSION))

    def _offered(self, name: str) -> str:
        size = self._size(name)
        ending = size.get("batchSupportEndOfLife")
        until = f", until {ending}" if ending else ""
        return f"is offered: {_cores(size)} cores, {size['familyName']}{until}"

    def _enough_cores(self, name: str) -> str:
        s, properties, size = self.settings, self._account["properties"], self._size(name)
        wanted = s.batch_max_nodes * _cores(size)
        if folded(properties.get("poolAllocationMode")) == "usersubscription":
            raise NotChecked(f"not checked: {wanted} cores count against the subscription's own quota.")
        families = properties.get("dedicatedCoreQuotaPerVMFamily") or ()
        quota, kind = properties.get("lowPriorityCoreQuota"), "spot"
        if not s.batch_spot:
            by_family = properties.get("dedicatedCoreQuotaPerVMFamilyEnforced")
            family = str(size["familyName"])
            own = {each["name"].lower(): each["coreQuota"] for each in families}
            quota = properties.get("dedicatedCoreQuota")
            if by_family:
                quota = own.get(family.lower(), 0) if own else None
            kind = f"dedicated ({family})" if by_family else "dedicated"
        if quota is None:
            raise NotChecked(f"not checked: the account does not tell its quota of {kind} cores.")
        said = f"{s.batch_max_nodes} nodes need {wanted} cores, the account may have {quota} {kind} ones"
        if quota < wanted:
            raise SettingsError(f"{said}.", ASK_FOR_MORE)
        return said


def _cores(size: Body) -> int:
    return int({each["name"]: each["value"] for each in size["capabilities"]}["vCPUs"])
