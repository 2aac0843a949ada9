"""The contract of Azure Machine Learning: Microsoft's files hold the app to every word; the stand-in agrees."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from peers.azure.exchange import Answer, Contract, Operation, Request
from peers.azure.ml.contract import API_VERSION, MICROSOFT, contract_of
from peers.azure.ml.execution import needs_shell
from peers.azure.ml.models import OwnModels
from peers.azure.ml.service import BASE
from shared.compute import Node
from shared.compute.azure_ml.definitions import Environment, Submission, cluster
from shared.compute.azure_ml.notes import Order
from shared.settings import Settings
from tests.compute.implementations import script
from tests.peers.azure.ml_server import MACHINE_LEARNING

CAPTURES = MICROSOFT.parent / "captures-azure-ai-ml-1.35.2"


def _handler(*_: Any) -> Answer:
    return Answer(200)


JOB = Operation("PUT", f"{BASE}/jobs/{{id}}", _handler)
ENVIRONMENT = Operation("PUT", f"{BASE}/environments/{{name}}/versions/{{version}}", _handler)
CLUSTER = Operation("PUT", f"{BASE}/computes/{{computeName}}", _handler)


@pytest.fixture(params=["microsoft", "own"])
def contract(request: pytest.FixtureRequest) -> Contract:
    if request.param == "own":
        return OwnModels(API_VERSION)
    return microsoft()


def microsoft() -> Contract:
    if not MICROSOFT.exists():
        pytest.skip(f"{MICROSOFT} is not here")
    return contract_of()


def request(body: Any, **query: str) -> Request:
    content = b"" if body is None else msgspec.json.encode(body)
    asked = query or {"api-version": API_VERSION}
    return Request("PUT", (), asked, {"content-type": "application/json"}, content, "")


def submission(**changed: str) -> Submission:
    tasks = [script("a", "pass"), script("b", "pass")]
    return Submission(Settings.from_env(MACHINE_LEARNING | changed), "run", Order(1, tasks))


def test_all_that_the_app_sends_is_valid(contract: Contract) -> None:
    for changed in ({}, {"AML_IDENTITY": "", "AML_MAX_NODES": "1", "AML_SPOT": "true"}):
        sent = submission(**changed)
        assert contract.request_problems(JOB, request(sent.job())) == []
        environment = Environment.of(sent.settings, "anomaly").body
        assert contract.request_problems(ENVIRONMENT, request(environment)) == []
        assert contract.request_problems(CLUSTER, request(cluster(sent.settings, Node.CPU, "here"))) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("command",), None),
        (("unheard",), 1),
        (("jobType",), "Comand"),
        (("distribution", "distributionType"), "Mpx"),
        (("distribution", "processes"), 2),
        (("limits", "timeout"), 5),
        (("identity", "identityType"), "Some"),
        (("resources", "instanceCount"), "2"),
        (("environmentVariables", "X"), 1),
    ],
)
def test_what_is_not_in_the_contract_is_named(contract: Contract, place: tuple[str, ...], value: Any) -> None:
    body = submission().job()
    held = body["properties"]
    for name in place[:-1]:
        held = held[name]
    if value is None:
        del held[place[-1]]
    else:
        held[place[-1]] = value
    problems = contract.request_problems(JOB, request(body))
    assert problems
    assert place[0] in problems[0] or str(value) in problems[0]


def test_another_version_and_unknown_parameters_are_refused(contract: Contract) -> None:
    body = submission().job()
    assert contract.request_problems(JOB, request(body, **{"api-version": "2023-04-01"}))
    assert contract.request_problems(JOB, request(body, **{"api-version": API_VERSION, "force": "true"}))


def test_what_microsofts_own_client_sends_is_valid() -> None:
    checked = microsoft()
    for name in ("submit-mpi-jobs", "pipeline-jobs"):
        capture = msgspec.json.decode((CAPTURES / f"{name}.json").read_bytes())
        assert checked.request_problems(JOB, request(capture["body"])) == []


def test_answers_are_held_to_the_contract_too() -> None:
    checked = microsoft()
    assert checked.answer_problems(JOB, Answer(200, {"properties": {"jobType": "Command"}}))
    assert checked.answer_problems(JOB, Answer(418, {}))
    full = submission().job() | {"name": "run-1"}
    assert checked.answer_problems(JOB, Answer(201, full)) == []
    full["properties"]["status"] = "Sleeping"
    assert "Sleeping" in checked.answer_problems(JOB, Answer(201, full))[0]


def test_where_microsofts_files_are_absent_there_is_a_stand_in(tmp_path: Path) -> None:
    assert isinstance(contract_of(tmp_path / "absent"), OwnModels)


@pytest.mark.parametrize("command", ["python x | tee y", "python $HOME", "a; b", "python 'x y'"])
def test_a_command_that_needs_a_shell_is_told_apart(command: str) -> None:
    assert needs_shell(command)
    assert not needs_shell("python -m shared.compute.azure_ml.rank")
