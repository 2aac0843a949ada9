"""Azure Batch through the real SDK, with everything that may go wrong between the app and the service, and in it."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from peers.azure.batch.contract import contract_of
from peers.azure.batch.state import Job
from peers.azure.exchange import Answer
from peers.azure.faults import Kind
from shared.compute import Phase, Task, patience
from shared.compute.azure_batch import account, observation
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.compute.azure_batch.jobs import Jobs
from shared.errors import InvalidInput, NotFound, Overloaded, SettingsError, Transient
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import asleep, batch_compute, ended, fails_until, script, sleeper, until
from tests.peers.azure.contract_server import Contract

pytestmark = pytest.mark.slow
NUMBERS = itertools.count(1)
ADD = "POST /jobs/{jobId}/addtaskcollection"
WORDS = {"create": "POST /jobs", "add": ADD, "close": "PATCH /jobs/{jobId}", "list": "GET /jobs"}


@pytest.fixture(scope="module")
def running(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AzureBatchCompute, Contract]]:
    folder = tmp_path_factory.mktemp("batch")
    with implementations.azure_batch(folder, azurite, BATCH_SPOT="true") as both:
        yield both


@pytest.fixture
def contract(running: tuple[AzureBatchCompute, Contract], monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    monkeypatch.setattr(patience, "PAUSES", (0.01,) * 4)
    contract = running[1]
    yield contract
    contract.inside(lambda: end_all_jobs(contract))  # one that a failing test left would keep a node from the next
    contract.faults.waiting.clear()
    contract.batch.account.job_quota = 300
    contract.batch.tasks.lost = contract.batch.tasks.client_errors = contract.batch.tasks.server_errors = 0
    contract.app.clock.ahead = timedelta()
    contract.pool.quota = 100
    contract.batch.executor.absent_images.clear()


@pytest.fixture
def compute(running: tuple[AzureBatchCompute, Contract], contract: Contract) -> AzureBatchCompute:
    return running[0]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    return f"{request.node.originalname.removeprefix('test_')[:40]}-{next(NUMBERS)}"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """Counts how often it ran, in the file `count`."""
    return script("a", f"open({str(tmp_path / 'count')!r}, 'a').write('x')")


@pytest.fixture
def count(tmp_path: Path) -> Path:
    return tmp_path / "count"


def end_all_jobs(contract: Contract) -> None:
    for job in list(contract.batch.account.jobs.values()):
        if job.state == "active":
            contract.batch.scheduler.terminate(job, "the test is over")


def job_of(contract: Contract, run: str, attempt: int = 1) -> Job:
    return contract.batch.account.jobs[f"{run}-{attempt}"]


@pytest.mark.parametrize(
    ("verb", "kind"),
    [
        *((verb, kind) for verb in WORDS for kind in (Kind.CUT_AFTER, Kind.NOT_JSON)),
        ("create", Kind.CUT_BEFORE),
        ("add", Kind.CUT_BEFORE),
        ("add", Kind.SLOW),
    ],
)
def test_a_fault_of_the_network_loses_and_doubles_nothing(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, count: Path, kind: Kind, verb: str
) -> None:
    fault = contract.faults.add(kind, WORDS[verb])
    fault.seconds = 0.2
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert fault.times == 0
    assert count.read_text() == "x"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_storm_of_refusals_is_sat_out(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, count: Path, status: int
) -> None:
    for operation in WORDS.values():
        contract.faults.add(Kind.STATUS, operation, times=3, status=status)
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert count.read_text() == "x"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_storm_without_end_is_left_to_the_next_message(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, status: int
) -> None:
    before = contract.faults.requests.get(ADD, 0)
    storm = contract.faults.add(Kind.STATUS, ADD, times=1000, status=status)
    with pytest.raises(Transient, match="does not answer"):
        compute.submit(run, 1, [task])
    assert contract.faults.requests[ADD] - before == 5
    storm.times = 0
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_a_refusal_that_is_no_json_is_not_taken_for_the_services(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, count: Path
) -> None:
    contract.faults.add(Kind.NOT_JSON, "POST /jobs", times=8)  # created, then refused as existing
    with pytest.raises(Transient):
        compute.submit(run, 1, [task])
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert count.read_text() == "x"


def test_the_pause_that_the_service_asks_for_is_kept(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    contract.faults.add(Kind.STATUS, ADD, status=429, retry_after=7)
    contract.faults.add(Kind.STATUS, ADD, status=503, retry_after=3600)
    contract.faults.add(Kind.STATUS, ADD, status=503, retry_after="Fri, 31 Dec 2100 23:59:59 GMT")
    compute.submit(run, 1, [task])
    assert pauses == [7.0, patience.LONGEST_WAIT, patience.LONGEST_WAIT]


def test_an_answer_that_does_not_come_is_asked_for_again(
    contract: Contract, run: str, task: Task, count: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "TIMEOUTS", {"connection_timeout": 1, "read_timeout": 1})
    contract.faults.add(Kind.SLOW, ADD).seconds = 3.0
    compute = batch_compute(contract)
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert count.read_text() == "x"


def test_a_refused_token_is_replaced_by_a_new_one(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    compute.submit(run, 1, [task])
    issued = contract.app.tokens.issued
    contract.inside(contract.app.tokens.revoke)
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert contract.app.tokens.issued == issued + 1


def test_an_identity_that_may_not_is_named_with_the_role_it_needs(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    contract.faults.add(Kind.STATUS, "GET /jobs", status=403)
    with pytest.raises(SettingsError, match="Azure Batch Job Submitter"):
        compute.status(run)


def test_a_clock_that_is_wrong_does_no_harm(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    contract.app.clock.ahead = timedelta(hours=2)
    contract.pool.quota = 0
    compute.submit(run, 1, [task])
    until(lambda: not contract.pool.nodes)
    assert compute.status(run).phase is Phase.RUNNING
    contract.pool.quota = 1
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_a_run_of_thousands_of_tasks_is_added_in_groups(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    before = contract.faults.requests.get(ADD, 0)
    contract.pool.quota = 0
    tasks = [script(f"score-{number:05d}", "pass") for number in range(1000)]
    merge = script("merge", "pass", *(task.id for task in tasks))
    compute.submit(run, 1, [*tasks, merge])
    assert contract.faults.requests[ADD] - before == 11
    job = job_of(contract, run)
    assert len(job.tasks) == 1001
    assert job.tasks["1001"].body()["dependsOn"] == {"taskIdRanges": [{"start": 1, "end": 1000}]}
    assert compute.status(run).tasks == 1001
    compute.cancel(run)


def test_tasks_too_large_for_one_request_are_sent_in_smaller_groups(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    contract.pool.quota = 0
    compute.submit(run, 1, [script(f"t{number}", "#" * 25_000) for number in range(100)])
    assert len(job_of(contract, run).tasks) == 100
    compute.cancel(run)


def test_tasks_that_the_service_failed_to_add_are_added_again(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    contract.batch.tasks.server_errors = 7
    compute.submit(run, 1, [script(f"t{number}", "pass") for number in range(10)])
    assert len(job_of(contract, run).tasks) == 10
    assert ended(compute, run).done == 10


def test_a_task_that_the_service_refuses_fails_the_run_and_ends_its_job(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    contract.batch.tasks.client_errors = 1
    tasks = [script(f"t{number}", "pass") for number in range(5)]
    with pytest.raises(
        InvalidInput, match="does not take task t0: InvalidPropertyValue: The value provided"
    ) as refusal:
        compute.submit(run, 1, tasks)
    assert "\n" not in str(refusal.value)
    status = ended(compute, run)
    assert (status.phase, "does not take task t0" in status.reason) == (Phase.FAILED, True)


@pytest.mark.parametrize("code", ["RequestBodyTooLarge", "TaskOfAnUnheardKind"])
def test_a_task_that_is_never_taken_ends_the_run_with_what_the_service_says(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, code: str
) -> None:
    status = 413 if code == "RequestBodyTooLarge" else 409
    contract.faults.add(Kind.STATUS, ADD, times=9, status=status, code=code)
    with pytest.raises(InvalidInput, match=f"does not take task a: {code}") as refusal:
        compute.submit(run, 1, [task])
    assert "\n" not in str(refusal.value)


def test_a_run_that_lost_tasks_on_the_way_never_succeeds(
    compute: AzureBatchCompute, contract: Contract, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.batch.tasks.lost = 2
    compute.submit(run, 1, [script(f"t{number}", "pass") for number in range(5)])
    until(lambda: job_of(contract, run).state == "completed")
    until(lambda: (status := compute.status(run)).done == 3 and "does not list all" in status.reason)
    assert compute.status(run).phase is Phase.RUNNING
    monkeypatch.setattr(observation, "SETTLING", timedelta(0))
    status = ended(compute, run)
    assert (status.phase, status.tasks, status.done) == (Phase.FAILED, 5, 3)
    assert status.reason == "Its job has ended (AllTasksCompleted), and Azure Batch lists 3 of its 5 tasks as ended."


def test_a_run_whose_lost_task_others_need_ends_with_that_as_its_reason(contract: Contract, run: str) -> None:
    compute = batch_compute(contract, BATCH_START_SECONDS="600")
    contract.batch.tasks.lost = 1
    compute.submit(run, 1, [script("a", "pass"), script("b", "pass", "a")])
    assert compute.status(run).phase is Phase.RUNNING
    contract.app.clock.ahead = timedelta(hours=1)
    status = ended(compute, run)
    said = "No task could start for 600 s (BATCH_START_SECONDS). Azure Batch lists 1 of its 2 tasks."
    assert (status.phase, status.reason) == (Phase.FAILED, said)


def test_a_task_that_somebody_ended_is_no_success(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid"), replace(script("b", "pass"), optional=True)])
    asleep(tmp_path / "pid")
    job = job_of(contract, run)
    job.body["onTaskFailure"] = "noaction"
    contract.inside(lambda: contract.batch.scheduler.end_task(job, job.tasks["1"]))
    status = ended(compute, run)
    assert (status.phase, status.done) == (Phase.FAILED, 1)
    assert status.reason == "Task sleeper failed: TaskEnded: Task Was Ended by User Request"


def test_a_running_task_that_the_counts_do_not_show_keeps_its_run(contract: Contract, run: str, tmp_path: Path) -> None:
    compute = batch_compute(contract, BATCH_START_SECONDS="1")
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    asleep(tmp_path / "pid")
    zeros = dict.fromkeys(("active", "running", "completed", "succeeded", "failed"), 0)
    behind = Answer(200, {"taskCounts": zeros, "taskSlotCounts": zeros})
    contract.faults.add(Kind.ANSWER, "GET /jobs/{jobId}/taskcounts", answer=behind)
    assert compute.status(run).reason == ""
    assert job_of(contract, run).state == "active"
    compute.cancel(run)


def test_a_failed_optional_task_is_counted_as_failed_however_late_the_counts_are(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    zeros = dict.fromkeys(("active", "running", "completed", "succeeded", "failed"), 0)
    behind = Answer(200, {"taskCounts": zeros, "taskSlotCounts": zeros})
    contract.faults.add(Kind.ANSWER, "GET /jobs/{jobId}/taskcounts", times=1000, answer=behind)
    fails = replace(script("a", "raise SystemExit('broken')", retries=0), optional=True)
    compute.submit(run, 1, [fails, script("b", "pass", "a")])
    status = ended(compute, run)
    assert (status.phase, status.done, status.failed) == (Phase.SUCCEEDED, 1, 1)


@pytest.mark.parametrize("code", ["OperationInvalidForCurrentState", "NodeNotReady", "TaskFilesUnavailable"])
def test_a_log_that_its_node_does_not_give_is_not_there(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path, code: str
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    asleep(tmp_path / "pid")
    contract.faults.add(Kind.STATUS, ".*/files/.*", times=2, status=409, code=code)
    with pytest.raises(NotFound, match="no log of a task"):
        compute.log(run, "sleeper")


def test_a_job_that_the_account_has_no_room_for_is_tried_again_later(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    contract.batch.account.job_quota = 0
    with pytest.raises(Overloaded, match="ActiveJobAndScheduleQuotaReached"):
        compute.submit(run, 1, [task])
    contract.batch.account.job_quota = 300
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_a_job_that_ended_before_its_creation_was_heard_of_is_the_runs(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, count: Path
) -> None:
    compute.submit(run, 1, [task])
    until(lambda: job_of(contract, run).state == "completed")
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert count.read_text() == "x"


def test_a_pool_without_containers_is_told_before_anything_runs(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    machine = contract.pool.body["virtualMachineConfiguration"]
    containers = machine.pop("containerConfiguration")
    try:
        with pytest.raises(InvalidInput, match="run no containers"):
            compute.submit(run, 1, [task])
    finally:
        machine["containerConfiguration"] = containers
    assert f"{run}-1" not in contract.batch.account.jobs


def test_a_formula_that_fails_is_the_reason_why_no_node_comes(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    contract.pool.quota = 0
    until(lambda: not contract.pool.nodes)
    formula = contract.pool.body["autoScaleFormula"]
    contract.pool.body["autoScaleFormula"], contract.pool.next_evaluation = "$TargetDedicatedNodes=nodes", 0.0
    try:
        until(lambda: "error" in (contract.pool.run or {}))
        compute.submit(run, 1, [task])
        assert "Line 1, Col 23: Undefined symbol: nodes" in compute.status(run).reason
    finally:
        contract.pool.body["autoScaleFormula"], contract.pool.next_evaluation = formula, 0.0


def test_a_submission_that_was_cut_off_is_completed_by_the_next(
    compute: AzureBatchCompute, contract: Contract, run: str, count: Path
) -> None:
    tasks = [script(f"t{number}", "pass") for number in range(300)]
    contract.pool.quota = 0
    storm = contract.faults.add(Kind.STATUS, ADD, times=1000, skip=2)
    with pytest.raises(Transient):
        compute.submit(run, 1, tasks)
    with pytest.raises(NotFound, match="Not all tasks"):
        compute.status(run)
    storm.times = 0
    compute.submit(run, 1, tasks)
    assert len(job_of(contract, run).tasks) == 300
    assert compute.status(run).phase is Phase.RUNNING
    compute.cancel(run)


def test_two_instances_may_submit_at_once(contract: Contract, run: str, task: Task, count: Path) -> None:
    instances = [batch_compute(contract) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda each: each.submit(run, 1, [task]), instances))
    assert ended(instances[0], run).phase is Phase.SUCCEEDED
    assert count.read_text() == "x"


def test_a_run_cancelled_while_its_tasks_are_added_is_cancelled(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    contract.pool.quota = 0
    contract.faults.add(Kind.SLOW, ADD, times=100).seconds = 0.5
    with ThreadPoolExecutor(1) as thread:
        submitting = thread.submit(compute.submit, run, 1, [script(f"t{number}", "pass") for number in range(500)])
        until(lambda: f"{run}-1" in contract.batch.account.jobs)
        batch_compute(contract).cancel(run)
        submitting.result()
    assert compute.status(run).phase is Phase.CANCELLED


def test_a_task_whose_node_is_taken_away_starts_anew_on_another(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid", only_once=True)])
    asleep(tmp_path / "pid")
    assert contract.inside(lambda: contract.batch.scaling.preempt(contract.pool)) is not None
    assert ended(compute, run).phase is Phase.SUCCEEDED
    held = job_of(contract, run).tasks["1"]
    assert (held.requeues, held.retries) == (1, 0)


def test_an_image_that_cannot_be_pulled_is_the_reason(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    contract.batch.executor.absent_images.add("tally.azurecr.io/tally-anomaly:1")
    compute.submit(run, 1, [task])
    status = ended(compute, run)
    assert (status.phase, status.failed) == (Phase.FAILED, 1)
    said = "ContainerInvalidImage: The container image cannot be pulled; tally.azurecr.io/tally-anomaly:1"
    assert status.reason == f"Task a failed: {said}"


def test_a_pool_that_never_has_a_node_ends_the_run_with_the_pools_reason(contract: Contract, run: str) -> None:
    contract.pool.quota = 0
    until(lambda: not contract.pool.nodes)
    compute = batch_compute(contract)
    compute.submit(run, 1, [script("a", "pass")])
    until(lambda: "AccountLowPriorityCoreQuotaReached" in compute.status(run).reason)
    assert compute.status(run).phase is Phase.RUNNING
    impatient = batch_compute(contract, BATCH_START_SECONDS="1")
    status = ended(impatient, run)
    assert status.phase is Phase.FAILED
    assert status.reason.startswith(
        "No task could start for 1 s (BATCH_START_SECONDS). It waits for a node of the pool"
    )
    assert "The specified account has reached low priority core quota" in status.reason


def test_a_job_over_its_time_is_stopped(contract: Contract, run: str, tmp_path: Path) -> None:
    compute = batch_compute(contract, BATCH_JOB_SECONDS="1")
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    status = ended(compute, run)
    assert (status.phase, status.reason) == (Phase.FAILED, "Stopped: still running after 1 s (BATCH_JOB_SECONDS).")


def test_a_job_that_somebody_deleted_is_submitted_anew(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path, task: Task
) -> None:
    tasks = [sleeper(tmp_path / "pid", only_once=True), task]
    compute.submit(run, 1, tasks)
    asleep(tmp_path / "pid")
    contract.inside(lambda: contract.batch.scheduler.delete(job_of(contract, run)))
    until(lambda: f"{run}-1" not in contract.batch.account.jobs)
    with pytest.raises(NotFound):
        compute.status(run)
    compute.submit(run, 1, tasks)
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_a_job_deleted_just_before_it_is_asked_for_more_is_not_there(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    contract.faults.add(Kind.STATUS, "GET /jobs/{jobId}/taskcounts", status=404, code="JobNotFound")
    with pytest.raises(NotFound, match="Somebody deleted it"):
        compute.status(run)
    compute.cancel(run)


@pytest.mark.parametrize("operation", ["GET /jobs/{jobId}", ADD, "PATCH /jobs/{jobId}"])
def test_a_job_deleted_while_tasks_are_added_is_left_to_the_next_look(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, operation: str
) -> None:
    contract.faults.add(Kind.CUT_AFTER, "POST /jobs")  # so that it is asked for
    contract.faults.add(Kind.STATUS, operation, status=404, code="JobNotFound")
    compute.submit(run, 1, [task])
    compute.submit(run, 1, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_a_disabled_job_is_the_reason_why_nothing_goes_on(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    contract.pool.quota = 0
    compute.submit(run, 1, [task])
    contract.inside(lambda: contract.batch.scheduler.disable(job_of(contract, run), "requeue"))
    status = compute.status(run)
    assert (status.phase, "Somebody disabled its job" in status.reason) == (Phase.RUNNING, True)
    contract.inside(lambda: contract.batch.scheduler.enable(job_of(contract, run)))
    contract.pool.quota = 100
    assert ended(compute, run).phase is Phase.SUCCEEDED


START_TASK = {"failureInfo": {"category": "UserError", "code": "FailureExitCode", "message": "It exited.\nRequestId:1"}}
PULL = {"code": "ContainerPoolSetupFailed", "message": "No image.", "errorDetails": [{"name": "Image", "value": "x:1"}]}


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (
            {"state": "starttaskfailed", "startTaskInfo": START_TASK},
            "a node is starttaskfailed: FailureExitCode: It exited",
        ),
        ({"state": "Unusable", "errors": [PULL]}, "a node is unusable: ContainerPoolSetupFailed: No image; Image: x:1"),
        ({"state": "unusable"}, "a node is unusable"),
    ],
)
def test_a_node_that_takes_no_tasks_is_the_reason_why_nothing_begins(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path, node: dict[str, Any], says: str
) -> None:
    contract.pool.quota = 0
    until(lambda: not contract.pool.nodes)
    compute.submit(run, 1, [script("a", "pass")])
    shown = Answer(200, {"id": "tally", "state": "active", "currentDedicatedNodes": 0, "currentLowPriorityNodes": 1})
    contract.faults.add(Kind.ANSWER, "GET /pools/{poolId}", times=2, answer=shown)
    contract.faults.add(Kind.ANSWER, "GET /pools/{poolId}/nodes", answer=Answer(200, {"value": [{"id": "n"} | node]}))
    assert compute.status(run).reason == f"It waits for a node of the pool tally ({says})."
    contract.faults.add(Kind.STATUS, "GET /pools/{poolId}/nodes", status=403, code="AuthorizationFailure")
    assert compute.status(run).reason == "It waits for a node of the pool tally."
    compute.cancel(run)


@pytest.mark.parametrize("told", [{}, {"taskCounts": None}, {"taskCounts": {"active": 1}}])
def test_counts_that_are_not_told_keep_no_run_from_its_end(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, told: dict[str, Any]
) -> None:
    contract.faults.add(Kind.ANSWER, "GET /jobs/{jobId}/taskcounts", times=1000, answer=Answer(200, told))
    compute.submit(run, 1, [task])
    status = ended(compute, run)
    assert (status.phase, status.done) == (Phase.SUCCEEDED, 1)


def test_a_run_whose_node_was_taken_away_waits_as_long_for_another_as_for_the_first(
    contract: Contract, run: str, tmp_path: Path
) -> None:
    compute = batch_compute(contract, BATCH_START_SECONDS="600")
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    asleep(tmp_path / "pid")
    contract.app.clock.ahead, contract.pool.quota = timedelta(hours=2), 0
    assert contract.inside(lambda: contract.batch.scaling.preempt(contract.pool)) is not None
    until(lambda: "It waits for a node" in compute.status(run).reason)
    assert job_of(contract, run).state == "active"
    contract.app.clock.ahead = timedelta(hours=3)
    status = ended(compute, run)
    assert (status.phase, status.reason[:30]) == (Phase.FAILED, "No task could start for 600 s ")


def test_a_job_that_somebody_ended_says_so(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    contract.inside(lambda: contract.batch.scheduler.terminate(job_of(contract, run), "UserTerminate"))
    status = ended(compute, run)
    assert status.phase is Phase.CANCELLED
    assert "UserTerminate" in status.reason


def test_a_new_attempt_ends_the_one_that_still_runs(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path, task: Task, count: Path
) -> None:
    compute.submit(run, 1, [task, sleeper(tmp_path / "pid", "a", only_once=True)])
    asleep(tmp_path / "pid")
    until(lambda: Jobs(compute.account).succeeded(f"{run}-1") == {"a"})
    compute.submit(run, 2, [task, sleeper(tmp_path / "pid", "a", only_once=True)])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert job_of(contract, run).state == "completed"
    assert count.read_text() == "x"


def test_an_attempt_that_hears_late_of_what_an_earlier_one_did_succeeds(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    tasks = [script("a", "pass"), script("b", "pass"), script("c", fails_until(flag), "a", "b", retries=0)]
    compute.submit(run, 1, tasks)
    assert ended(compute, run).phase is Phase.FAILED
    flag.touch()
    contract.faults.add(Kind.ANSWER, "GET /jobs/{jobId}/tasks", answer=Answer(200, {"value": []}))
    storm = contract.faults.add(Kind.STATUS, ADD, times=5)
    with pytest.raises(Transient):
        compute.submit(run, 2, tasks)
    assert storm.times == 0
    compute.submit(run, 2, tasks)
    status = ended(compute, run)
    assert (status.phase, status.done) == (Phase.SUCCEEDED, 3)


def test_what_a_running_task_wrote_so_far_comes_from_its_node(
    compute: AzureBatchCompute, run: str, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    code = (
        f"import pathlib, time; print('so far', flush=True); pathlib.Path({str(pid)!r}).write_text('1'); time.sleep(60)"
    )
    compute.submit(run, 1, [script("a", code)])
    asleep(pid)
    assert "--- a.1.stdout\nso far" in compute.log(run, "a")
    compute.cancel(run)


def test_a_pool_that_does_not_exist_is_said_to_be_missing(contract: Contract, run: str, task: Task) -> None:
    with pytest.raises(InvalidInput, match=r"no pool other\. Check BATCH_POOL"):
        batch_compute(contract, BATCH_POOL="other").submit(run, 1, [task])


def test_a_run_without_an_account_says_which_setting_is_missing(contract: Contract, run: str) -> None:
    with pytest.raises(SettingsError, match="BATCH_ENDPOINT"):
        batch_compute(contract, BATCH_ENDPOINT="").status(run)


def test_tasks_get_the_settings_but_no_keys(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task
) -> None:
    compute.submit(run, 1, [task])
    job = job_of(contract, run)
    assert {each["name"]: each["value"] for each in job.body["commonEnvironmentSettings"]}["BATCH_MAX_NODES"] == "2"
    sent = str(job.body) + "".join(str(held.body()) for held in job.tasks.values())
    assert "AccountKey" not in sent
    assert ended(compute, run).phase is Phase.SUCCEEDED


def test_what_the_tasks_of_a_run_took_is_known_where_a_price_is_set(
    compute: AzureBatchCompute, contract: Contract, run: str
) -> None:
    compute.submit(run, 1, [script(name, "pass") for name in "abc"])
    assert ended(compute, run).task_seconds == 0
    priced = batch_compute(contract, NODE_PRICE="0.2 EUR")
    assert priced.status(run).task_seconds > 0


def test_a_look_at_a_run_costs_two_requests(
    compute: AzureBatchCompute, contract: Contract, run: str, tmp_path: Path
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    asleep(tmp_path / "pid")

    def requests() -> int:
        before = sum(contract.faults.requests.values())
        compute.status(run)
        return sum(contract.faults.requests.values()) - before

    until(lambda: requests() == 2)  # once the counts, which are behind, have heard of the task
    assert requests() == 2
    compute.cancel(run)


def test_the_sdks_own_models_take_what_is_sent_where_microsofts_file_is_absent(
    compute: AzureBatchCompute, contract: Contract, run: str, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract.batch, "contract", contract_of(Path("/absent")))
    compute.submit(run, 1, [task, script("b", "raise SystemExit('no')", "a", retries=0)])
    assert ended(compute, run).reason == "Task b failed 1 times, last with exit code 1: no"
    compute.submit(run, 2, [task])
    assert ended(compute, run).phase is Phase.SUCCEEDED
    assert contract.app.violations == []
