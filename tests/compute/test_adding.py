"""Which tasks are added again, and which refusal ends a run, by results in any capitals."""

from typing import Any

import pytest
from azure.batch.models import BatchCreateTaskCollectionResult

from shared.compute.azure_batch.adding import left_to_add
from shared.errors import InvalidInput
from tests.peers.azure.record import RECORD, recorded

ANSWERS = recorded("azure-batch")
EXISTS = "task-add-collection-exists-200"


def left(group: list[str], results: list[dict[str, Any]]) -> list[str]:
    bodies = [{"id": name, "displayName": f"name of {name}"} for name in group]
    answered = BatchCreateTaskCollectionResult({"value": results})
    return [body["id"] for body in left_to_add(bodies, answered.result_values or [])]


@pytest.mark.parametrize("status", ["Success", "success", "SUCCESS"])
def test_only_what_is_known_to_be_there_is_not_added_again(status: str) -> None:
    assert left(["1", "2", "3"], [{"status": status, "taskId": "2"}]) == ["1", "3"]


@pytest.mark.parametrize("status", ["ServerError", "servererror", "Unheard"])
def test_what_the_service_failed_to_add_is_added_again(status: str) -> None:
    assert left(["1"], [{"status": status, "taskId": "1", "error": {"code": "ServerBusy"}}]) == ["1"]


@pytest.mark.parametrize("status", ["ClientError", "clienterror"])
def test_a_refused_task_is_named_with_what_the_service_says(status: str) -> None:
    message = {
        "lang": "en-US",
        "value": "One of the properties is not supported.\nRequestId:1\nTime:2026-01-31T00:00:00Z",
    }
    error = {
        "code": "UnsupportedProperty",
        "message": message,
        "values": [{"key": "PropertyName", "value": "x"}, {"key": "y"}],
    }
    said = "task name of 1: UnsupportedProperty: One of the properties is not supported; PropertyName: x."
    with pytest.raises(InvalidInput) as refused:
        left(["1"], [{"status": status, "taskId": "1", "error": error}])
    assert str(refused.value) == f"Azure Batch does not take {said}"


@pytest.mark.skipif(EXISTS not in ANSWERS, reason=f"{RECORD / 'azure-batch'} is absent")
def test_recorded_results_leave_nothing_to_add() -> None:
    assert left(["mytask1", "mytask2", "mytask3"], ANSWERS[EXISTS].body["value"]) == []
    for name in ("task-add-collection-200", "task-add-collection-2025-200"):
        results = ANSWERS[name].body["value"]
        assert left([each["taskId"] for each in results], results) == []
