"""What `tally doctor --azure` looks at in Azure Machine Learning: workspace, clusters and cores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from cli.azure_rest import ASK_FOR_MORE, AzureRest, Body, Look, NotChecked, subscription
from shared.compute import Image
from shared.compute.azure_ml import observation
from shared.compute.azure_ml.definitions import cluster_part, vm_size
from shared.compute.azure_ml.workspace import API_VERSION, Answer
from shared.errors import NotFound, SettingsError
from shared.settings import Settings


@dataclass(frozen=True)
class LearningChecks:
    """The workspace and the clusters that the settings name for some images."""

    settings: Settings
    rest: AzureRest
    images: Sequence[Image]

    def looks(self) -> Iterator[tuple[str, Look]]:
        """All there is to look at."""
        yield "ML workspace", self._named
        clusters = {
            cluster_part(self.settings, image.name): vm_size(self.settings, image.node) for image in self.images
        }
        for part, size in clusters.items():
            yield part.rpartition("/")[2], partial(self._cluster, part, size)
        yield "ML cores", self._enough_cores

    @cached_property
    def _workspace(self) -> Body:
        if not self.settings.aml_workspace:
            raise SettingsError("AML_WORKSPACE is not set.", "It is the resource id of the workspace.")
        return self.rest.get(self.settings.aml_workspace, API_VERSION)

    def _named(self) -> str:
        return f"{self._workspace['name']} in {self._workspace['location']}"

    def _cluster(self, part: str, size: str) -> str:
        try:
            found = self.rest.get(f"{self.settings.aml_workspace}/{part}", API_VERSION)
        except NotFound:
            if size:
                return f"{part} is not there yet: the first run makes it ({size})"
            raise
        cluster = Answer(200, found, {})
        held = observation.properties(cluster)
        state, inner = held.get("provisioningState"), held.get("properties") or {}
        if observation.is_state(cluster, "Creating"):
            return f"{part} is being made"
        if not observation.is_state(cluster, "Succeeded"):
            raise SettingsError(f"{part} is {state}{observation.trouble(cluster)}.", "Mend or remove it.")
        if not (scale := inner.get("scaleSettings")):
            raise SettingsError(f"{part} is no cluster, but {held.get('computeType')}.", "Name another AML_COMPUTE.")
        made = str(inner.get("vmSize"))  # in capitals
        said = f"{size if _is(made, size) else made}, {scale.get('minNodeCount') or 0} to {scale['maxNodeCount']} nodes"
        if scale.get("minNodeCount"):
            raise SettingsError(f"{part} has {said}: it costs money without runs.", "Set its minimum to 0.")
        return said

    def _enough_cores(self) -> str:
        """Whether each size's family has the cores that a full cluster of it takes; a new account has none."""
        sizes = dict.fromkeys(vm_size(self.settings, image.node) for image in self.images)
        if "" in sizes:
            raise NotChecked("not checked: AML_VM_SIZE names no size.")
        return "; ".join(map(self._cores, sizes))

    def _cores(self, name: str) -> str:
        nodes = self.settings.aml_max_nodes
        size = next((each for each in self._told("vmSizes") if _is(each["name"], name)), None)
        if size is None:
            region = self._workspace["location"]
            raise SettingsError(
                f"Machine Learning does not offer {name} in {region}.", "Choose another size or region."
            )
        wanted, family = nodes * int(size["vCPUs"]), str(size["family"])
        usage = next((each for each in self._told("usages") if _is(each["name"]["value"], family)), None)
        if usage is None:
            raise NotChecked(f"not checked: the region tells no usage of {family}.")
        left = usage["limit"] - usage["currentValue"]
        said = f"{nodes} nodes need {wanted} cores of {family}, {left} of {usage['limit']} are left"
        if not usage["limit"]:
            raise SettingsError(f"{said}: a new account has none, and no run can start.", ASK_FOR_MORE)
        if left < wanted:
            raise SettingsError(f"{said}.", ASK_FOR_MORE)
        return said

    def _told(self, what: str) -> Iterator[Body]:
        provider = f"/subscriptions/{subscription(self.settings)}/providers/Microsoft.MachineLearningServices"
        return self.rest.all(f"{provider}/locations/{self._workspace['location']}/{what}", API_VERSION)


def _is(name: str, other: str) -> bool:
    return name.lower() == other.lower()
