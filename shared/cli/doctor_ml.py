"""What `tally doctor --azure` looks at in Azure Machine Learning: workspace, clusters and cores."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from shared.cli.azure_rest import ASK_FOR_MORE, AzureRest, Body, Look, NotChecked, subscription
from shared.compute.azure_ml.definitions import cluster_part
from shared.compute.azure_ml.workspace import API_VERSION
from shared.errors import NotFound, SettingsError
from shared.settings import Settings


@dataclass(frozen=True)
class LearningChecks:
    """The workspace and the clusters that the settings name for some images."""

    settings: Settings
    rest: AzureRest
    images: Sequence[str]

    def looks(self) -> Iterator[tuple[str, Look]]:
        """All there is to look at."""
        yield "ML workspace", self._named
        for part in dict.fromkeys(cluster_part(self.settings, image) for image in self.images):
            yield part.rpartition("/")[2], partial(self._cluster, part)
        yield "ML cores", self._enough_cores

    @cached_property
    def _workspace(self) -> Body:
        if not self.settings.aml_workspace:
            raise SettingsError("AML_WORKSPACE is not set.", "It is the resource id of the workspace.")
        return self.rest.get(self.settings.aml_workspace, API_VERSION)

    def _named(self) -> str:
        return f"{self._workspace['name']} in {self._workspace['location']}"

    def _cluster(self, part: str) -> str:
        try:
            held = self.rest.get(f"{self.settings.aml_workspace}/{part}", API_VERSION)["properties"]
        except NotFound:
            if self.settings.aml_vm_size:
                return f"{part} is not there yet: the first run makes it ({self.settings.aml_vm_size})"
            raise
        scale = held["properties"]["scaleSettings"]
        said = f"{held['properties']['vmSize']}, {scale.get('minNodeCount', 0)} to {scale['maxNodeCount']} nodes"
        if held.get("provisioningState") != "Succeeded":
            raise SettingsError(f"{part} is {held.get('provisioningState')}.", "Mend or remove it.")
        if scale.get("minNodeCount", 0):
            raise SettingsError(f"{part} has {said}: it costs money without runs.", "Set its minimum to 0.")
        return said

    def _enough_cores(self) -> str:
        region, s = self._workspace["location"], self.settings
        provider = f"/subscriptions/{subscription(s)}/providers/Microsoft.MachineLearningServices"
        place = f"{provider}/locations/{region}"
        size = next((e for e in self.rest.all(f"{place}/vmSizes", API_VERSION) if _is(e["name"], s.aml_vm_size)), None)
        if size is None:
            raise NotChecked("not checked: AML_VM_SIZE names no size of this region.")
        wanted, family = s.aml_max_nodes * int(size["vCPUs"]), str(size["family"])
        for usage in self.rest.all(f"{place}/usages", API_VERSION):
            if _is(usage["name"]["value"], family):
                left = usage["limit"] - usage["currentValue"]
                said = f"{s.aml_max_nodes} nodes need {wanted} cores of {family}, {left} of {usage['limit']} are left"
                if left < wanted:
                    raise SettingsError(f"{said}.", ASK_FOR_MORE)
                return said
        raise NotChecked(f"not checked: the region tells no usage of {family}.")


def _is(name: str, other: str) -> bool:
    return name.lower() == other.lower()
