"""The contract server holds clients to the contract, and itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from peers.azure.batch.contract import API_VERSION, contract_of
from peers.azure.exchange import Answer, Operation, Request
from tests.peers.azure.contract_server import Contract, contract_server

pytestmark = pytest.mark.slow
STORAGE = {"ControlStorage": "AccountName=c;AccountKey=eA==;BlobEndpoint=http://127.0.0.1:9/c"}
JSON = "application/json; odata=minimalmetadata"


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    with contract_server(tmp_path_factory.mktemp("contract"), STORAGE) as contract:
        yield contract
        contract.app.violations.clear()


@pytest.fixture(scope="module")
def client(contract: Contract) -> Iterator["Client"]:
    with requests.Session() as session:
        session.trust_env = False  # what the machine trusts otherwise
        session.verify = contract.env["REQUESTS_CA_BUNDLE"]
        yield Client(contract.env["BATCH_ENDPOINT"], session)


@dataclass(frozen=True)
class Client:
    """Asks for paths of the server."""

    url: str
    session: requests.Session

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, **options)


def token(client: Client, contract: Contract, resource: str = "https://batch.core.windows.net/") -> str:
    query = {"api-version": "2019-08-01", "resource": resource}
    answer = client.get("/msi/token", params=query, headers={"X-IDENTITY-HEADER": contract.env["IDENTITY_HEADER"]})
    return str(answer.json()["access_token"])


def ask(client: Client, contract: Contract, method: str, path: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token(client, contract)}", "content-type": JSON}
    return client.request(method, path, params={"api-version": API_VERSION}, headers=headers, **options)


def test_a_certificate_that_is_not_trusted_is_noticed(contract: Contract) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        requests.get(contract.env["BATCH_ENDPOINT"], timeout=10)


def test_the_identity_endpoint_wants_its_header(client: Client) -> None:
    query = {"api-version": "2019-08-01", "resource": "https://batch.core.windows.net/"}
    assert client.get("/msi/token", params=query).status_code == 403


def test_a_token_for_something_else_is_refused(client: Client, contract: Contract) -> None:
    for resource in ("https://storage.azure.com", "https://batch.core.windows.net"):
        held = token(client, contract, resource)
        answer = client.get("/jobs", params={"api-version": API_VERSION}, headers={"Authorization": f"Bearer {held}"})
        assert (answer.status_code, answer.json()["code"]) == (403, "AuthenticationFailed")
        assert "wrong audience" in answer.json()["values"][0]["value"]
    assert client.get("/jobs").status_code == 401


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"id": "x", "poolInfo": {"poolid": "tally"}}, "poolid"),
        ({"poolInfo": {"poolId": "tally"}}, "id"),
        ({"id": 5, "poolInfo": {"poolId": "tally"}}, "id"),
        ({"id": "x", "poolInfo": {"poolId": "tally"}, "colour": "red"}, "colour"),
    ],
)
def test_a_body_that_breaks_the_contract_is_refused(
    client: Client, contract: Contract, body: object, problem: str
) -> None:
    answer = ask(client, contract, "POST", "/jobs", json=body)
    assert answer.status_code == 400
    assert problem in str(answer.json()["values"])


def test_what_is_no_json_or_no_operation_is_refused(client: Client, contract: Contract) -> None:
    assert ask(client, contract, "POST", "/jobs", data=b"{").status_code == 400
    assert ask(client, contract, "GET", "/nothing/at/all").status_code == 404


def test_a_job_is_taken_without_its_pool_and_once(client: Client, contract: Contract) -> None:
    body = {"id": "First", "poolInfo": {"poolId": "tally"}}
    assert ask(client, contract, "POST", "/jobs", json=body).status_code == 201
    assert ask(client, contract, "POST", "/jobs", json=body | {"id": "first"}).json()["code"] == "JobExists"
    other = {"id": "Second", "poolInfo": {"poolId": "none"}}
    assert ask(client, contract, "POST", "/jobs", json=other).status_code == 201


def test_a_task_with_an_identity_that_the_pool_lacks_is_refused_beside_others(
    client: Client, contract: Contract
) -> None:
    ask(client, contract, "POST", "/jobs", json={"id": "tasks", "poolInfo": {"poolId": "tally"}})
    place = {"containerUrl": "https://c", "identityReference": {"resourceId": "/other"}}
    options = {"uploadCondition": "taskcompletion"}
    files = [{"filePattern": "x", "destination": {"container": place}, "uploadOptions": options}]
    bodies = [{"id": "1", "commandLine": "x", "outputFiles": files}, {"id": "2", "commandLine": "x"}]
    answer = ask(client, contract, "POST", "/jobs/tasks/addtaskcollection", json={"value": bodies})
    first, second = answer.json()["value"]
    assert (first["status"], first["taskId"]) == ("Success", "2")
    assert (second["status"], second["error"]["code"]) == ("ClientError", "InvalidPropertyValue")
    assert "/other" in str(second["error"]["values"])


def test_where_microsofts_file_is_absent_the_sdks_own_models_are_the_contract() -> None:
    contract = contract_of(Path("/absent"))
    create = Operation("POST", "/jobs", lambda request: Answer(201))
    query = {"api-version": API_VERSION}

    def problems(body: bytes, **more: str) -> list[str]:
        return contract.request_problems(create, Request("POST", ("jobs",), query | more, {}, body, ""))

    assert problems(b'{"id": "x", "poolInfo": {"poolId": "p"}, "constraints": {"maxWallClockTime": "PT1H"}}') == []
    assert "poolid" in problems(b'{"id": "x", "poolInfo": {"poolid": "p"}}')[0]
    assert "id" in problems(b'{"poolInfo": {"poolId": "p"}}')[0]
    assert problems(b'{"id": "x", "poolInfo": {}}', colour="red") == ["query parameter colour is unknown"]
    counts = Operation("GET", "/jobs/{jobId}/taskcounts", lambda request: Answer(200))
    assert "missing" in contract.answer_problems(counts, Answer(200, {"taskCounts": {}}))[0]
