"""A refused credential is an error at once, with the line of the sign-in that says why."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError

from cli.azure_rest import AzureRest
from shared.compute import azure_ml_v1
from shared.compute.azure_batch.account import BatchAccount
from shared.compute.azure_ml.workspace import Workspace
from shared.errors import SettingsError, Transient
from shared.identity import Identity, refusal
from shared.readings.hub import last_sequences
from shared.runs.driver import Message
from shared.runs.record import State
from shared.settings import Connection, Settings
from shared.storage import AzureBlobs, MemoryStorage
from shared.storage.azure import AzureQueue, blob_service, queue_service
from tests.compute.driving import begin, driver_of

WHY = "AADSTS7000222: The provided client secret keys for app '0' are expired"
CHAIN = (
    "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted credentials:\n"
    "\tEnvironmentCredential: Authentication failed: {}. Trace ID: 1 Correlation ID: 2 Timestamp: 2026-01-01\n"
    "To mitigate this issue, please refer to the troubleshooting guidelines here at https://aka.ms/troubleshoot."
)
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
CONNECTION = Connection("C", blob_uri="https://a.blob.core.windows.net", queue_uri="https://a.queue.core.windows.net")
HUB = Settings(event_hubs=Connection("H", namespace="n.servicebus.windows.net"))
CALLERS: dict[str, Callable[[], Any]] = {
    "blobs": lambda: AzureBlobs(blob_service(CONNECTION, 5, "").get_container_client("c")).get("b"),
    "queue": lambda: AzureQueue(queue_service(CONNECTION, 5, "").get_queue_client("q")).send("m"),
    "batch": lambda: BatchAccount("https://a.r.batch.azure.com").call(lambda client: client.get_job("j")),
    "machine learning": lambda: Workspace(WORKSPACE, "https://management.azure.com").get("jobs/j"),
    "event hub": lambda: last_sequences(HUB),
    "doctor": lambda: AzureRest("https://management.azure.com").get(WORKSPACE, "1"),
    "sdk v1": lambda: azure_ml_v1.trigger("https://r.api.azureml.ms/p", "a.mp4"),
}


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Has every credential raise an error, and every pause before another try be one too many."""

    def refuse(error: Exception) -> None:
        def get_token(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr("azure.identity.DefaultAzureCredential.get_token", get_token)
        monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it is tried again"))
        blob_service.cache_clear()
        queue_service.cache_clear()

    return refuse


@pytest.mark.parametrize("caller", CALLERS)
def test_whoever_asks_for_a_token_that_is_refused_says_why_at_once(
    caller: str, refused: Callable[[Exception], None]
) -> None:
    refused(ClientAuthenticationError(CHAIN.format(WHY)))
    with pytest.raises(SettingsError) as raised:
        CALLERS[caller]()
    assert raised.value.message == f"The app's identity gets no token: {WHY}."


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ClientAuthenticationError(f"Authentication failed: {WHY}.\r\nTrace ID: 1\r\nTimestamp: now"), f"{WHY}."),
        (ClientAuthenticationError(f"Microsoft Entra ID error '(invalid_client) {WHY}.'"), f"{WHY}."),
        (CredentialUnavailableError("ManagedIdentityCredential authentication unavailable."), "unavailable."),
        (ClientAuthenticationError("DefaultAzureCredential failed to ...\nAttempted credentials:\n"
            "\tA: A is unavailable.\n\tB: B is unavailable.\nTo mitigate"), "none is set up here."),
        (ClientAuthenticationError("DefaultAzureCredential failed to ...\nAttempted credentials:\n"
            "\tA: A is unavailable.\n\tB: No identity.\n\tC: C not found on path\nTo mitigate"), "B: No identity."),
    ],
)  # fmt: skip
def test_the_reason_is_the_line_that_tells_it(error: Exception, says: str) -> None:
    found = refusal(error)
    assert found is not None
    assert found.message.endswith(says)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        ServiceRequestError("HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries exceeded"),
        ClientAuthenticationError(CHAIN.format("HTTPConnection(host='127.0.0.1', port=9): Connection refused")),
        ClientAuthenticationError(CHAIN.format("App Service is there. Token request error: (invalid_scope) 500, Oops")),
        ClientAuthenticationError(CHAIN.format("AADSTS90033: A transient error has occurred. Please try again")),
    ],
)
def test_a_sign_in_that_does_not_answer_is_a_passing_trouble(
    error: Exception, refused: Callable[[Exception], None]
) -> None:
    refused(error)
    with pytest.raises(Transient, match="gets no token now"):
        Identity("https://management.azure.com").get_token("s")


def test_a_credential_that_cannot_be_set_up_is_an_error_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "a secret")
    with pytest.raises(SettingsError, match="AZURE_TOKEN_CREDENTIALS"):
        Identity()


def test_a_run_whose_credential_is_refused_fails_with_the_cause(refused: Callable[[Exception], None]) -> None:
    class Refused:
        def submit(self, *_: Any) -> None:
            CALLERS["batch"]()

    driver = driver_of(Refused(), MemoryStorage(), [])  # type: ignore[arg-type]
    begin(driver, "run")
    refused(ClientAuthenticationError(CHAIN.format(WHY)))
    driver.move(Message("run", 0))
    run, _ = driver.store.load("run")
    assert run.state is State.FAILED
    assert run.reason.startswith(f"The app's identity gets no token: {WHY}. Mend or renew")
