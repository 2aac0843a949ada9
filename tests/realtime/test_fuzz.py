"""Schemathesis asks every route what its document allows and what it does not: the answer is one of those it names."""

import json
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

import function_app  # noqa: F401 declares every endpoint
from functions.http import OPERATIONS
from tests.realtime.inference.app import App, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


@pytest.fixture(scope="module")
def api(app: App) -> schemathesis.schemas.BaseSchema:
    schema = schemathesis.openapi.from_dict(json.loads(app.send("GET", "/api/openapi.json").body))
    schema.config.update(base_url=f"http://127.0.0.1:{app.port}", headers={"x-functions-key": app.keys.default})
    return schema


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_every_answer_is_one_that_the_document_names(api: schemathesis.schemas.BaseSchema, name: str) -> None:
    operation = api.find_operation_by_id(name)

    @given(case=operation.as_strategy())
    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True)
    def ask(case: schemathesis.Case) -> None:
        # What fits its type may still be refused for what it says: bytes that are no image, an end before its start.
        answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
        if answer.headers["content-type"][0] == "application/problem+json":
            assert answer.json()["detail"]

    ask()
