"""The two accounts of an app: data, which its users may see, and control, which they may not."""

from dataclasses import dataclass

from shared.settings import Connection, Settings
from shared.storage.azure import AzureBlobs, AzureQueue, blob_service, queue_service
from shared.storage.names import check_container
from shared.storage.ports import BlobStore, Queue


@dataclass(frozen=True, slots=True)
class Storage:
    """The two accounts: data, which users may see, and control, which they may not.

    `connect_retries` is how often an account is tried again that no connection can be made to; `api_version` is the
    version of the services' interface to speak, empty for the newest that the client knows. The methods raise
    InvalidInput for what cannot be the name of a container or a queue.
    """

    data_account: Connection
    control_account: Connection
    connect_retries: int = 3
    api_version: str = ""

    @classmethod
    def from_settings(cls, settings: Settings, connect_retries: int = 3) -> "Storage":
        """The accounts that the settings name; nothing is contacted yet."""
        return cls(settings.data_storage, settings.control_storage, connect_retries, settings.storage_api_version)

    def data(self, container: str) -> BlobStore:
        """A container of the data account."""
        return self._blobs(self.data_account, container)

    def control(self, container: str) -> BlobStore:
        """A container of the control account."""
        return self._blobs(self.control_account, container)

    def queue(self, name: str) -> Queue:
        """A queue of the control account."""
        check_container(name)
        service = queue_service(self.control_account, self.connect_retries, self.api_version)
        return AzureQueue(service.get_queue_client(name))

    def _blobs(self, account: Connection, container: str) -> BlobStore:
        check_container(container)
        service = blob_service(account, self.connect_retries, self.api_version)
        return AzureBlobs(service.get_container_client(container))
