"""The two accounts of an app: data, which its users may see, and control, which they may not."""

from dataclasses import dataclass

from shared.settings import Connection, Settings
from shared.storage.azure import AzureBlobs, AzureQueue, blob_service, queue_service
from shared.storage.ports import BlobStore, Queue


@dataclass(frozen=True, slots=True)
class Storage:
    """The two accounts: data, which users may see, and control, which they may not.

    `connect_retries` is how often an account is tried again that no connection can be made to.
    """

    data_account: Connection
    control_account: Connection
    connect_retries: int = 3

    @classmethod
    def from_settings(cls, settings: Settings, connect_retries: int = 3) -> "Storage":
        """The accounts that the settings name; nothing is contacted yet."""
        return cls(settings.data_storage, settings.control_storage, connect_retries)

    def data(self, container: str) -> BlobStore:
        """A container of the data account."""
        return AzureBlobs(blob_service(self.data_account, self.connect_retries).get_container_client(container))

    def control(self, container: str) -> BlobStore:
        """A container of the control account."""
        return AzureBlobs(blob_service(self.control_account, self.connect_retries).get_container_client(container))

    def queue(self, name: str) -> Queue:
        """A queue of the control account."""
        return AzureQueue(queue_service(self.control_account, self.connect_retries).get_queue_client(name))
