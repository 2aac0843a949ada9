"""What `tally doctor --azure` looks at: the services in Azure that the settings choose, read-only.

Each look says in words how a thing is, or raises TallyError; NotChecked where that cannot be told by reading.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from cli.azure_rest import AzureRest, Look, NotChecked, subscription
from cli.context import workloads
from cli.doctor_batch import BatchChecks
from cli.doctor_ml import LearningChecks
from shared.clouds import EVENT_HUBS, STORAGE
from shared.compute import Image
from shared.compute.azure import blob_address, filled
from shared.errors import SettingsError
from shared.settings import Settings

ROLES, IDENTITIES = "2022-04-01", "2023-01-31"
"""Versions of Resource Manager's interfaces."""
BLOBS = frozenset({"Storage Blob Data Contributor", "Storage Blob Data Owner"})
QUEUES = frozenset({"Storage Queue Data Contributor"})
JOBS = frozenset({"Azure Batch Job Submitter", "Azure Batch Data Contributor", "Contributor", "Owner"})
LEARNERS = frozenset({"AzureML Data Scientist", "Contributor", "Owner"})
PULL = frozenset({"AcrPull", "AcrPush"})


@dataclass(frozen=True)
class AzureChecks:
    """The services that the settings choose, as the identity of whoever runs this sees them."""

    settings: Settings
    rest: AzureRest

    def looks(self) -> Iterator[tuple[str, Look]]:
        """All there is to look at, in an order in which the first thing wrong explains the next ones."""
        batch, learning = self._images("azure_batch"), self._images("azure_ml")
        yield "identity", self._identity
        yield "app's roles", self._own_roles
        if batch:
            yield from BatchChecks(self.settings, self.rest, batch).looks()
        if learning:
            yield from LearningChecks(self.settings, self.rest, learning).looks()
        for name in self._image_names(batch, learning):
            yield name.rpartition("/")[2], partial(self._image, name)
        for what, identity in self._nodes(batch, learning).items():
            yield f"{what} nodes' roles", partial(self._node_roles, identity)

    def _images(self, compute: str) -> list[Image]:
        """The scoring images whose tasks run there, each once."""
        there = (each for each in workloads().values() if self.settings.compute_of(each.name) == compute)
        return list(dict.fromkeys(workload.image for workload in there))

    def _image_names(self, batch: Sequence[Image], learning: Sequence[Image]) -> list[str]:
        s = self.settings
        named = [(s.batch_image, image.name) for image in batch] + [(s.aml_image, image.name) for image in learning]
        return list(dict.fromkeys(filled(template, image) for template, image in named if template))

    def _nodes(self, batch: Sequence[Image], learning: Sequence[Image]) -> dict[str, str]:
        chosen = (("Batch", batch, self.settings.batch_identity), ("ML", learning, self.settings.aml_identity))
        return {what: identity for what, images, identity in chosen if images and identity}

    def _identity(self) -> str:
        cloud = self.rest.cloud
        audiences = [cloud.resource_manager]
        if self.settings.data_storage.blob_uri or self.settings.control_storage.blob_uri:
            audiences.append(STORAGE)
        if self.settings.event_hubs.namespace:
            audiences.append(EVENT_HUBS)
        if self._images("azure_batch"):
            audiences.append(cloud.batch)
        if self._images("azure_ml"):
            audiences.append(cloud.machine_learning)
        for audience in audiences:
            self.rest.token(audience)
        return f"{self.rest.principal() or 'somebody'} gets tokens for {len(audiences)} services"

    def _own_roles(self) -> str:
        s, needed = self.settings, dict[str, tuple[frozenset[str], list[str]]]()
        if s.data_storage.blob_uri and s.control_storage.blob_uri:
            needed |= {"blobs": (BLOBS, self._accounts), "queues": (QUEUES, self._accounts[1:])}
        if self._images("azure_batch"):
            needed["jobs"] = JOBS, [urlsplit(s.batch_endpoint).netloc.partition(".")[0]]
        if self._images("azure_ml"):
            needed["machine learning"] = LEARNERS, [s.aml_workspace.rpartition("/")[2]]
        return self._roles(self.rest.principal(), needed)

    def _node_roles(self, identity: str) -> str:
        principal = self.rest.get(identity, IDENTITIES)["properties"]["principalId"]
        registries = sorted(
            {name.partition(".")[0] for name in self._image_names(*map(self._images, ("azure_batch", "azure_ml")))}
        )
        return self._roles(principal, {"blobs": (BLOBS, self._accounts), "images": (PULL, registries)})

    @property
    def _accounts(self) -> list[str]:
        held = (self.settings.data_storage, self.settings.control_storage)
        return [urlsplit(blob_address(each)).netloc.partition(".")[0] for each in held]

    def _roles(self, principal: str, needed: "dict[str, tuple[frozenset[str], list[str]]]") -> str:
        """What roles a principal has on named resources; raises SettingsError naming the first that is missing."""
        if not principal:
            raise NotChecked("not checked: the tokens do not say who they are for.")
        place = f"/subscriptions/{subscription(self.settings)}/providers/Microsoft.Authorization/roleAssignments"
        try:
            found = list(self.rest.all(place, ROLES, **{"$filter": f"assignedTo('{principal}')"}))
        except SettingsError as error:
            raise NotChecked(f"not checked: roles may not be listed. {error.message}", error.hint) from error
        ids = {each["properties"]["roleDefinitionId"] for each in found}
        names = {each: str(self.rest.get(each, ROLES)["properties"]["roleName"]) for each in ids}
        held = [(names[each["properties"]["roleDefinitionId"]], each["properties"]["scope"]) for each in found]
        for what, (roles, resources) in needed.items():
            for resource in resources:
                if not any(role in roles and _covers(scope, resource) for role, scope in held):
                    one = min(roles, key=lambda role: (role in ("Owner", "Contributor"), role))
                    raise SettingsError(f"{principal} has no role for the {what} ({resource}).", f"Assign '{one}'.")
        return f"{principal} has those for {', '.join(needed)}; what they allow is known only by writing"

    def _image(self, name: str) -> str:
        self.rest.image(name)
        return f"is in {name.partition('/')[0]}, and this identity may pull it"


def _covers(scope: str, resource: str) -> bool:
    """Whether a role's scope takes in a resource; a group's or the subscription's is taken for one that does."""
    parts = scope.lower().split("/")
    return "providers" not in parts or resource.lower() in parts
