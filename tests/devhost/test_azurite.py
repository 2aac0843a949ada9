from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from shared.settings.storage_account import parse_account
from tests.azurite import Azurite


def test_blobs_and_queues_of_both_accounts_answer_and_are_apart(azurite: Azurite) -> None:
    with BlobServiceClient.from_connection_string(azurite.data) as data:
        data.create_container("azurite-test")
        data.get_blob_client("azurite-test", "a").upload_blob(b"1")
    with BlobServiceClient.from_connection_string(azurite.control) as control:
        assert "azurite-test" not in [c.name for c in control.list_containers()]
    with QueueServiceClient.from_connection_string(azurite.control) as queues:
        queue = queues.create_queue("azurite-test")
        with queue:
            queue.send_message("hello")
            assert queue.receive_message().content == "hello"


def test_an_account_says_where_it_is(azurite: Azurite) -> None:
    account = parse_account("DataStorage", azurite.data)
    assert (account.name, account.local) == ("data", True)
    assert account.connection_string == azurite.data
