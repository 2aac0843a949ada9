"""What became of a run, by its job and its tasks as the real service was recorded to show them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.batch.models import BatchJob, BatchPool, BatchTask

from shared.compute import Phase
from shared.compute.azure_batch.jobs import planned, pool_trouble
from shared.compute.azure_batch.observation import CANCELLED, GAVE_UP, End, Outcomes, Verdict, verdict
from tests.peers.azure.record import RECORD, recorded

ANSWERS = recorded("azure-batch")
needs_record = pytest.mark.skipif(not ANSWERS, reason=f"{RECORD / 'azure-batch'} is absent")
WELL: dict[str, Any] = {"result": "success", "exitCode": 0}
FAILED: dict[str, Any] = {
    "result": "failure",
    "exitCode": 1,
    "failureInfo": {"category": "UserError", "code": "FailureExitCode"},
}
STOPPED: dict[str, Any] = {"result": "failure", "failureInfo": {"category": "UserError", "code": "TaskEnded"}}
START = datetime(2026, 1, 31, tzinfo=UTC)


def task(number: int, info: dict[str, Any], *, optional: bool = False) -> BatchTask:
    times = {"startTime": START.isoformat(), "endTime": (START + timedelta(seconds=number)).isoformat()}
    body: dict[str, Any] = {"id": str(number), "displayName": f"t{number}", "state": "completed"}
    if optional:
        body["exitConditions"] = {"default": {"jobAction": "none", "dependencyAction": "satisfy"}}
    return BatchTask(body | {"executionInfo": times | info})


def seen(tasks: Sequence[BatchTask]) -> Outcomes:
    found = Outcomes()
    for each in tasks:
        found.add(each)
    return found


def decided(why: str, tasks: Sequence[BatchTask], expected: int, *, settled: bool = False) -> Verdict:
    return verdict(why, seen(tasks), expected, settled=settled, job_seconds=60)


@pytest.mark.parametrize("why", ["AllTasksCompleted", "AllTasksComplete", "ALLTASKSCOMPLETED"])
def test_a_run_has_succeeded_when_each_of_its_tasks_was_seen_to_end_well(why: str) -> None:
    well = [task(1, WELL), task(2, FAILED, optional=True), task(3, WELL)]
    assert decided(why, well, 3) == Verdict(Phase.SUCCEEDED)
    assert decided(why, well, 5).phase is Phase.RUNNING
    late = decided(why, well, 5, settled=True)
    assert (late.phase, "lists 3 of its 5 tasks" in late.reason) == (Phase.FAILED, True)
    assert decided(why, [], 1).phase is Phase.RUNNING
    assert decided(why, [], 0) == Verdict(Phase.SUCCEEDED)  # earlier attempts had done all


@pytest.mark.parametrize("why", ["AllTasksCompleted", "TaskFailed", "UserTerminate", "a word of tomorrow"])
def test_a_needed_task_that_failed_is_the_reason_whatever_the_job_says(why: str) -> None:
    tasks = [task(3, FAILED, optional=True), task(2, FAILED), task(1, STOPPED), task(5, FAILED)]
    assert decided(why, tasks, 9) == Verdict(Phase.FAILED, culprit=End.FAILED)
    assert seen(tasks).first[End.FAILED].display_name == "t2"


def test_a_job_that_gives_no_reason_is_judged_by_its_tasks() -> None:
    assert decided("", [task(1, WELL)], 1) == Verdict(Phase.SUCCEEDED)
    assert decided("", [task(1, WELL)], 2).phase is Phase.RUNNING
    assert "lists 1 of its 2 tasks" in decided("", [task(1, WELL)], 2, settled=True).reason


def test_a_job_that_does_not_say_how_many_tasks_it_has_is_not_done_without_any() -> None:
    (expected, before) = planned(BatchJob({"id": "run-1"}))
    assert decided("AllTasksCompleted", [], expected - before).phase is Phase.RUNNING
    assert planned(BatchJob({"metadata": [{"name": "tasks", "value": "5"}, {"name": "done", "value": "5"}]})) == (5, 5)


def test_a_run_can_do_without_an_optional_task_that_a_request_ended() -> None:
    assert decided("AllTasksCompleted", [task(1, WELL), task(2, STOPPED, optional=True)], 2).phase is Phase.SUCCEEDED


def test_a_pool_that_is_on_its_way_out_says_so() -> None:
    assert pool_trouble(BatchPool({"id": "tally", "state": "deleting"})) == "it is being deleted"


def test_a_job_that_a_task_failed_is_never_said_to_be_ended_by_somebody() -> None:
    assert decided("TaskFailed", [task(1, WELL)], 2).phase is Phase.RUNNING  # the task is listed later
    assert decided("TaskFailed", [task(1, FAILED, optional=True)], 2, settled=True).culprit is End.SPARED
    assert decided("TaskFailed", [task(1, STOPPED)], 2, settled=True).culprit is End.STOPPED
    assert decided("TaskFailed", [], 2, settled=True).phase is Phase.FAILED


def test_a_task_that_a_request_ended_is_no_success() -> None:
    assert decided("AllTasksCompleted", [task(1, WELL), task(2, STOPPED)], 2).culprit is End.STOPPED


@pytest.mark.parametrize(
    ("why", "phase", "reason"),
    [
        (CANCELLED, Phase.CANCELLED, ""),
        (f"{GAVE_UP}No node.", Phase.FAILED, "No node."),
        ("UserTerminate", Phase.CANCELLED, "Somebody ended its job in Azure Batch (UserTerminate)."),
        ("TerminateWorkitem", Phase.CANCELLED, "Somebody ended its job in Azure Batch (TerminateWorkitem)."),
        ("MaxWallClockTimeExpiry", Phase.FAILED, "Stopped: still running after 60 s (BATCH_JOB_SECONDS)."),
    ],
)
def test_a_job_that_did_not_end_by_itself_says_why(why: str, phase: Phase, reason: str) -> None:
    assert decided(why, [task(1, STOPPED)], 2) == Verdict(phase, reason)


@needs_record
@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("task-get-completed-200", End.SUCCEEDED),
        ("task-get-failed-exit-code-200", End.FAILED),
        ("task-get-ended-by-request-200", End.STOPPED),
        ("task-get-active-container-200", None),
        ("task-get-exit-conditions-200", None),
    ],
)
def test_a_recorded_task_ended_as_it_did(name: str, end: End | None) -> None:
    assert list(seen([BatchTask(ANSWERS[name].body)]).counts) == ([end] if end else [])


@needs_record
@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("job-get-all-tasks-completed-200", Phase.SUCCEEDED),
        ("job-get-completed-user-terminate-200", Phase.CANCELLED),
        ("job-get-completed-200", Phase.CANCELLED),
    ],
)
def test_a_recorded_reason_is_read_as_it_was_meant(name: str, phase: Phase) -> None:
    why = ANSWERS[name].body["executionInfo"]["terminateReason"]
    tasks = [task(1, WELL)] if phase is Phase.SUCCEEDED else []
    assert decided(why, tasks, 1).phase is phase
