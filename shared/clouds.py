"""Azure's clouds, each with hosts, token audiences and a sign-in of its own; addresses in the settings tell which."""

import os
import re
from dataclasses import dataclass

from shared.settings import Settings

AUTHORITY = "AZURE_AUTHORITY_HOST"
"""The environment variable by which azure-identity, and AKS for its pods, name the sign-in."""
STORAGE, EVENT_HUBS = "https://storage.azure.com", "https://eventhubs.azure.net"
"""Audiences that are the same in every cloud."""
_NAMES = re.compile(r"[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud by the hosts of its services; `batch` and `machine_learning` are what tokens for them are issued for.

    Tokens of Resource Manager are issued for its own address. Azure CLI and azure-ai-ml have the same table.
    """

    authority: str
    resource_manager: str
    batch: str
    machine_learning: str
    storage_suffix: str
    registry_suffix: str
    domains: tuple[str, ...]
    sdk_v1: str

    def has(self, host: str) -> bool:
        """Whether a host belongs to this cloud."""
        return host.lower().endswith(tuple(f".{domain}" for domain in self.domains))


PUBLIC = Cloud(
    "login.microsoftonline.com",
    "https://management.azure.com",
    "https://batch.core.windows.net/",
    "https://ml.azure.com",
    "core.windows.net",
    "azurecr.io",
    ("windows.net", "azure.com", "azure.net", "azureml.ms", "aether.ms", "azurecr.io", "microsoftonline.com"),
    "AzureCloud",
)
US_GOVERNMENT = Cloud(
    "login.microsoftonline.us",
    "https://management.usgovcloudapi.net",
    "https://batch.core.usgovcloudapi.net/",
    "https://ml.azure.us",
    "core.usgovcloudapi.net",
    "azurecr.us",
    ("usgovcloudapi.net", "azure.us", "azurecr.us", "microsoftonline.us"),
    "AzureUSGovernment",
)
CHINA = Cloud(
    "login.chinacloudapi.cn",
    "https://management.chinacloudapi.cn",
    "https://batch.chinacloudapi.cn/",
    "https://ml.azure.cn",
    "core.chinacloudapi.cn",
    "azurecr.cn",
    ("chinacloudapi.cn", "azure.cn", "azurecr.cn", "microsoftonline.cn"),
    "AzureChinaCloud",
)
CLOUDS = (PUBLIC, US_GOVERNMENT, CHINA)


def cloud_of(*addresses: str | None) -> Cloud:
    """The cloud of the first address that tells it, a URL, a host or a connection string; else that of the sign-in."""
    for address in (*addresses, os.environ.get(AUTHORITY)):
        for name in _NAMES.findall(address or ""):
            for cloud in CLOUDS:
                if cloud.has(name):
                    return cloud
    return PUBLIC


def resource_manager(settings: Settings) -> str:
    """Resource Manager as the settings name it, or else that of the cloud that their other addresses are in."""
    if settings.aml_endpoint:
        return settings.aml_endpoint
    held = (settings.data_storage, settings.control_storage, settings.event_hubs)
    parts = [part for each in held for part in (each.blob_uri, each.queue_uri, each.namespace, each.string)]
    return cloud_of(settings.batch_endpoint, *parts).resource_manager
