"""What a service says of an error, put into one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.compute.azure import service_message

RECORD = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ({}, ""),
        ({"code": "JobExists"}, "JobExists"),
        (
            {
                "code": "ServerBusy",
                "message": {"lang": "en-US", "value": "Busy.\nRequestId:1\nTime:2026-01-22T20:18:17Z"},
            },
            "ServerBusy: Busy",
        ),
        ({"message": "\nWhat happened.\nMore of it."}, "What happened"),
        ({"code": "A", "message": "B", "values": [{"key": "C"}, {"key": "D", "value": None}]}, "A: B"),
        (
            {
                "code": "A",
                "message": "B",
                "values": None,
                "details": [{"name": "E", "value": "A"}, {"name": "F", "value": 5}],
            },
            "A: B; F: 5",
        ),
        ({"code": "A", "message": "B", "details": [{"code": "C", "message": "why", "details": []}]}, "A: B; why"),
        (
            {"code": "A", "message": None, "values": ["B", None, {"key": "C", "value": "D\r\nRequestId:1\nTime:2"}]},
            "A: C: D",
        ),
        ({"code": "A\nRequestId:1", "message": "B", "details": {"C": "D"}}, "A: B"),
        ({"code": "A", "message": "B", "details": "C", "values": [{"value": "-5"}]}, "A: B; -5"),
        ({"error": "invalid_grant"}, ""),
        ({"error": {"error": {"code": "A", "message": "\nError Code: X\nError Message: no right."}}}, "A: no right"),
    ],
)
def test_an_error_is_told_in_one_line_without_what_says_nothing(error: dict[str, Any], line: str) -> None:
    assert service_message(error) == line


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (
            "azure-batch/pool-create-invalid-400.json",
            "InvalidPropertyValue: The value provided for one of the properties in the request body is invalid; "
            "PropertyName: identity; Reason: Pool Identity is required when using CustomerManagedKey",
        ),
        (
            "azure-batch/pool-evaluate-autoscale-bad-formula-200.json",
            "AutoScalingFormulaEvaluationError: The specified auto-scaling formula has evaluation error; "
            "Line 1, Col 1: Undefined symbol: $something_useless",
        ),
        (
            "azure-ml/job-put-invalid-400.json",
            "UserError: Request is invalid and/or missing fields; Could not find member 'assetVersion' on object of "
            "type 'UriFolderJobOutput'. Path 'assetVersion', line 1, position 604",
        ),
    ],
)
def test_recorded_errors_say_their_cause(file: str, line: str) -> None:
    if not (RECORD / file).exists():
        pytest.skip(f"{RECORD / file} is absent")
    assert service_message(json.loads((RECORD / file).read_text())["body"]).startswith(line)
