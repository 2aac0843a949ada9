"""Azure Machine Learning over HTTPS, with everything that may go wrong between the app and the service, and in it."""

import itertools
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from peers.azure.faults import Kind
from peers.azure.ml.service import BASE
from peers.azure.ml.state import ENDED, Job
from shared.compute import Compute, Phase, Task, patience
from shared.compute.azure_ml import workspace
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.errors import InvalidInput, NotFound, SettingsError, Transient
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import asleep, ended, ml_compute, script, sleeper, until
from tests.peers.azure.ml_server import MLContract

pytestmark = pytest.mark.slow
NUMBERS = itertools.count(1)
PUT, GET = f"PUT {BASE}/jobs/{{id}}", f"GET {BASE}/jobs/{{id}}"
WORDS = {"put": PUT, "get": GET, "environment": f"GET {BASE}/environments/{{name}}/versions/{{version}}"}


@pytest.fixture(scope="module")
def running(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AzureMLCompute, MLContract]]:
    with implementations.azure_ml(tmp_path_factory.mktemp("ml"), azurite, AML_NODE_TASKS="2") as both:
        yield both


@pytest.fixture
def contract(running: tuple[AzureMLCompute, MLContract], monkeypatch: pytest.MonkeyPatch) -> Iterator[MLContract]:
    monkeypatch.setattr(patience, "PAUSES", (0.01,) * 4)
    contract = running[1]
    yield contract
    contract.inside(lambda: [contract.service.scheduler.cancel(job) for job in open_jobs(contract)])
    until(lambda: not open_jobs(contract))
    contract.faults.waiting.clear()
    contract.app.clock.ahead = timedelta()
    contract.cluster.quota = 100
    contract.service.executor.absent_images.clear()


def open_jobs(contract: MLContract) -> list[Job]:
    return [job for job in contract.service.workspace.jobs.values() if job.status not in ENDED]


@pytest.fixture
def compute(running: tuple[AzureMLCompute, MLContract], contract: MLContract) -> AzureMLCompute:
    return running[0]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    return f"{request.node.originalname.removeprefix('test_')[:40]}-{next(NUMBERS)}"


@pytest.fixture
def idle(contract: MLContract) -> None:
    """No node is there, and none comes."""
    contract.cluster.quota = 0
    until(lambda: not contract.cluster.nodes)


def job_of(contract: MLContract, run: str, attempt: int = 1) -> Job:
    return contract.service.workspace.jobs[f"{run}-{attempt}"]


def one(task_id: str = "a") -> list[Task]:
    return [script(task_id, "pass")]


def succeeded(compute: Compute, run: str) -> bool:
    return ended(compute, run).phase is Phase.SUCCEEDED


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("kind", [Kind.CUT_BEFORE, Kind.CUT_AFTER, Kind.NOT_JSON])
@pytest.mark.parametrize("word", WORDS)
def test_a_fault_of_the_network_loses_and_doubles_nothing(
    compute: AzureMLCompute, contract: MLContract, run: str, kind: Kind, word: str
) -> None:
    fault = contract.faults.add(kind, WORDS[word])
    before = len(contract.service.workspace.jobs)
    compute.submit(run, 1, one())
    assert fault.times == 0
    assert compute.status(run).phase is Phase.RUNNING
    assert len(contract.service.workspace.jobs) == before + 1
    assert job_of(contract, run).status in ("Starting", "Preparing", "Queued")


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_storm_of_refusals_is_sat_out(compute: AzureMLCompute, contract: MLContract, run: str, status: int) -> None:
    for operation in WORDS.values():
        contract.faults.add(Kind.STATUS, operation, times=3, status=status)
    compute.submit(run, 1, one())
    assert compute.status(run).phase is Phase.RUNNING


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_storm_without_end_is_left_to_the_next_message(
    compute: AzureMLCompute, contract: MLContract, run: str, status: int
) -> None:
    before = contract.faults.requests.get(PUT, 0)
    storm = contract.faults.add(Kind.STATUS, PUT, times=1000, status=status)
    with pytest.raises(Transient, match="does not answer"):
        compute.submit(run, 1, one())
    assert contract.faults.requests[PUT] - before == 5
    with pytest.raises(NotFound, match="being prepared"):
        compute.status(run)
    storm.times = 0
    compute.submit(run, 1, one())
    assert compute.status(run).phase is Phase.RUNNING


@pytest.mark.usefixtures("idle")
def test_the_pause_that_the_service_asks_for_is_kept(
    compute: AzureMLCompute, contract: MLContract, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    contract.faults.add(Kind.STATUS, PUT, status=429, retry_after=7)
    contract.faults.add(Kind.STATUS, PUT, status=503, retry_after=3600)
    contract.faults.add(Kind.STATUS, PUT, status=503, retry_after="Fri, 31 Dec 2100 23:59:59 GMT")
    compute.submit(run, 1, one())
    assert pauses == [7.0, patience.LONGEST_WAIT, patience.LONGEST_WAIT]


@pytest.mark.usefixtures("idle")
def test_an_answer_that_does_not_come_is_asked_for_again(
    contract: MLContract, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "TIMEOUTS", {"connection_timeout": 1, "read_timeout": 1})
    contract.faults.add(Kind.SLOW, PUT).seconds = 2.0
    compute = ml_compute(contract)
    compute.submit(run, 1, one())
    assert compute.status(run).phase is Phase.RUNNING


@pytest.mark.usefixtures("idle")
def test_a_refused_token_is_replaced_by_a_new_one(compute: AzureMLCompute, contract: MLContract, run: str) -> None:
    compute.submit(run, 1, one())
    issued = contract.app.tokens.issued
    contract.inside(contract.app.tokens.revoke)
    assert compute.status(run).phase is Phase.RUNNING
    assert contract.app.tokens.issued == issued + 1


def test_an_identity_that_may_not_is_named_with_the_role_it_needs(
    compute: AzureMLCompute, contract: MLContract, run: str
) -> None:
    contract.faults.add(Kind.STATUS, GET, status=403)
    with pytest.raises(SettingsError, match="AzureML Data Scientist"):
        compute.submit(run, 1, one())


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong_does_no_harm(
    compute: AzureMLCompute, contract: MLContract, run: str, hours: int
) -> None:
    contract.app.clock.ahead = timedelta(hours=hours)  # two ahead, every token has expired
    compute.submit(run, 1, one())
    assert compute.status(run).phase is Phase.RUNNING


def test_ranks_share_the_tasks_on_nodes_that_come_and_go(
    compute: AzureMLCompute, contract: MLContract, run: str, tmp_path: Path
) -> None:
    code = "import os, sys; print(os.environ['OMPI_COMM_WORLD_RANK'], 'of', os.environ['OMPI_COMM_WORLD_SIZE'])"
    tasks = [script(f"t{number}", code, "first") for number in range(6)]
    last = script("last", "pass", *(task.id for task in tasks))
    compute.submit(run, 1, [script("first", "pass"), *tasks, last])
    assert succeeded(compute, run)
    body = job_of(contract, run).body["properties"]
    assert body["resources"] == {"instanceCount": 2}
    assert body["distribution"] == {"distributionType": "Mpi", "processCountPerInstance": 2}
    assert [compute.log(run, f"t{number}").split()[-3:] for number in range(6)] == [
        [str(number % 4), "of", "4"] for number in range(6)
    ]
    assert contract.cluster.most == 2
    until(lambda: not contract.cluster.nodes)


def test_what_the_ranks_of_a_run_took_is_known_where_a_price_is_set(
    compute: AzureMLCompute, contract: MLContract, run: str
) -> None:
    tasks = [script(name, "import time; time.sleep(1)") for name in "ab"]
    compute.submit(run, 1, tasks)
    assert ended(compute, run).task_seconds == 0
    assert ml_compute(contract, AML_NODE_TASKS="2", NODE_PRICE="0.2 EUR").status(run).task_seconds >= 1


def test_a_job_names_no_key_and_no_connection_string(compute: AzureMLCompute, contract: MLContract, run: str) -> None:
    compute.submit(run, 1, one())
    assert "AccountKey" not in str(job_of(contract, run).body)
    assert succeeded(compute, run)


@pytest.mark.usefixtures("idle")
def test_two_instances_may_submit_at_once(contract: MLContract, run: str) -> None:
    before = len(contract.service.workspace.jobs)
    instances = [ml_compute(contract) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda each: each.submit(run, 1, one()), instances))
    assert len(contract.service.workspace.jobs) == before + 1


def test_a_job_whose_nodes_are_taken_away_goes_on_with_what_is_left(
    compute: AzureMLCompute, contract: MLContract, run: str, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    first = script("first", f"open({str(count)!r}, 'a').write('x')")
    compute.submit(run, 1, [first, sleeper(tmp_path / "pid", "first", only_once=True)])
    asleep(tmp_path / "pid")
    contract.inside(lambda: contract.service.scheduler.preempt(job_of(contract, run)))
    assert succeeded(compute, run)
    assert job_of(contract, run).starts == 2
    assert count.read_text() == "x"


def test_a_job_that_fails_for_nodes_taken_away_says_what_does_the_rest(
    compute: AzureMLCompute, contract: MLContract, run: str, tmp_path: Path
) -> None:
    task = sleeper(tmp_path / "pid", "first", only_once=True)
    compute.submit(run, 1, [script("first", "pass"), task])
    asleep(tmp_path / "pid")
    contract.inside(lambda: contract.service.scheduler.preempt(job_of(contract, run), restarts=False))
    status = ended(compute, run)
    assert (status.phase, status.done) == (Phase.FAILED, 1)
    assert "PreemptionError: Nodes of this job got pre-empted. `tally runs retry` does what is left." in status.reason
    compute.submit(run, 2, [script("first", "raise SystemExit('again')"), task])
    assert succeeded(compute, run)


def test_a_region_without_cores_says_how_to_get_some(contract: MLContract, run: str) -> None:
    contract.service.workspace.cores = 0
    with pytest.raises(InvalidInput, match=r"total vCPU quota of 0 .* Ask for more cores"):
        ml_compute(contract, AML_COMPUTE="without-cores").submit(run, 1, one())
    contract.service.workspace.cores = 100


def test_a_job_that_needs_more_nodes_than_it_can_ever_have_says_so(
    compute: AzureMLCompute, contract: MLContract, run: str
) -> None:
    contract.cluster.quota = 1
    compute.submit(run, 1, [script(f"t{number}", "pass") for number in range(3)])
    assert "more than the quota of cores allows. Ask for more" in ended(compute, run).reason


def test_an_image_that_cannot_be_pulled_is_the_reason(compute: AzureMLCompute, contract: MLContract, run: str) -> None:
    contract.service.executor.absent_images.add("tally.azurecr.io/tally-anomaly:1")
    compute.submit(run, 1, one())
    status = ended(compute, run)
    assert status.phase is Phase.FAILED
    assert "Failed to pull Docker image tally.azurecr.io/tally-anomaly:1" in status.reason


@pytest.mark.usefixtures("idle")
def test_a_cluster_that_never_has_nodes_ends_the_run_with_its_reason(contract: MLContract, run: str) -> None:
    compute = ml_compute(contract)
    compute.submit(run, 1, one())
    until(lambda: "ClusterCoreQuotaReached" in compute.status(run).reason)
    assert compute.status(run).phase is Phase.RUNNING
    status = ended(ml_compute(contract, AML_START_SECONDS="1"), run)
    assert status.phase is Phase.FAILED
    assert status.reason.startswith("No task could start for 1 s (AML_START_SECONDS). It waits for nodes of")
    assert "needs more cores than the quota has" in status.reason


def test_a_job_over_its_time_is_stopped(contract: MLContract, run: str, tmp_path: Path) -> None:
    compute = ml_compute(contract, AML_JOB_SECONDS="2")
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    status = ended(compute, run)
    assert (status.phase, status.reason) == (Phase.FAILED, "Stopped: still running after 2 s (AML_JOB_SECONDS).")


def test_a_job_whose_rank_dies_fails_with_what_the_history_says(
    compute: AzureMLCompute, contract: MLContract, run: str, tmp_path: Path
) -> None:
    compute.submit(run, 1, [sleeper(tmp_path / "pid")])
    child = asleep(tmp_path / "pid")
    rank = int(_parent(_parent(child)))
    os.kill(rank, signal.SIGKILL)
    os.kill(_parent(child), signal.SIGTERM)
    status = ended(compute, run)
    assert status.phase is Phase.FAILED
    assert "User process exited with status code -9" in status.reason


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().split()[3])


@pytest.mark.usefixtures("idle")
def test_a_job_that_somebody_deleted_is_submitted_anew(compute: AzureMLCompute, contract: MLContract, run: str) -> None:
    compute.submit(run, 1, one())
    contract.inside(lambda: contract.service.scheduler.cancel(job_of(contract, run)))
    until(lambda: job_of(contract, run).status == "Canceled")
    del contract.service.workspace.jobs[f"{run}-1"]
    with pytest.raises(NotFound, match="somebody deleted it"):
        compute.status(run)
    contract.cluster.quota = 1
    compute.submit(run, 1, one())
    assert succeeded(compute, run)
    del contract.service.workspace.jobs[f"{run}-1"]
    assert compute.status(run).phase is Phase.SUCCEEDED


@pytest.mark.usefixtures("idle")
def test_a_job_that_somebody_cancelled_says_so(compute: AzureMLCompute, contract: MLContract, run: str) -> None:
    compute.submit(run, 1, one())
    contract.inside(lambda: contract.service.scheduler.cancel(job_of(contract, run)))
    status = ended(compute, run)
    assert status.phase is Phase.CANCELLED
    assert "Somebody cancelled its job" in status.reason
    contract.faults.add(Kind.STATUS, "GET /discovery", status=403)
    status = compute.status(run)
    assert status.phase is Phase.CANCELLED
    assert "by somebody, or for taking longer than 86400 s" in status.reason


@pytest.mark.usefixtures("idle")
def test_a_cancellation_that_was_lost_is_asked_for_again(
    compute: AzureMLCompute, contract: MLContract, run: str
) -> None:
    compute.submit(run, 1, one())
    contract.faults.add(Kind.STATUS, f"POST {BASE}/jobs/{{id}}/cancel", times=5, status=500)
    with pytest.raises(Transient):
        compute.cancel(run)
    assert ended(compute, run).phase is Phase.CANCELLED


def test_a_new_attempt_ends_the_one_that_still_runs(
    compute: AzureMLCompute, contract: MLContract, run: str, tmp_path: Path
) -> None:
    task = sleeper(tmp_path / "pid", only_once=True)
    compute.submit(run, 1, [task])
    asleep(tmp_path / "pid")
    compute.submit(run, 2, [task])
    assert succeeded(compute, run)
    assert job_of(contract, run).status == "Canceled"


@pytest.mark.usefixtures("idle")
def test_a_cluster_that_is_not_there_is_made_with_no_nodes_or_missed(contract: MLContract, run: str) -> None:
    with pytest.raises(SettingsError, match="has no computes/other"):
        ml_compute(contract, AML_COMPUTE="other", AML_VM_SIZE="").submit(run, 1, one())
    compute = ml_compute(contract, AML_COMPUTE="other", AML_SPOT="true")
    compute.submit(run, 1, one())
    made = contract.service.workspace.clusters["other"].body["properties"]["properties"]
    assert (made["scaleSettings"]["minNodeCount"], made["vmPriority"]) == (0, "LowPriority")
    until(lambda: not compute.submit(run, 1, one()) and f"{run}-1" in contract.service.workspace.jobs)
    contract.service.workspace.clusters["other"].quota = 0
    compute.cancel(run)


def test_another_workspace_is_not_found(contract: MLContract, run: str) -> None:
    elsewhere = contract.env["AML_WORKSPACE"].replace("workspaces/tally", "workspaces/other")
    with pytest.raises(SettingsError, match="Check AML_WORKSPACE"):
        ml_compute(contract, AML_WORKSPACE=elsewhere).submit(run, 1, one())
