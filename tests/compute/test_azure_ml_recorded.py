"""What the app makes of what Azure Machine Learning really answered: files of the record, and what users quote."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from peers.azure.clock import Clock
from peers.azure.exchange import Answer, Contract, Operation, Refusal, Request
from peers.azure.ml.history import Unwritten
from peers.azure.ml.service import BASE
from shared.compute import Phase, patience
from shared.compute.azure_ml.compute import AzureMLCompute
from shared.compute.azure_ml.notes import Notes
from shared.compute.azure_ml.observation import JobState, time_of
from shared.errors import InvalidInput, NotFound, SettingsError, Transient
from shared.settings import Settings
from shared.storage import MemoryBlobs
from tests.compute.implementations import script
from tests.peers.azure.contract_server import running
from tests.peers.azure.ml_record import record, recorded
from tests.peers.azure.ml_server import MACHINE_LEARNING

PARTS = ("", "/{kind}/{name}", "/{kind}/{name}/{verb}", "/{kind}/{name}/versions/{version}")
HISTORY = f"/history/v1.0{BASE}/runs/{{name}}/details"
TASKS = [script("a", "pass"), script("b", "pass")]


@dataclass
class Region:
    """Answers calls, each named by its method and the kind that it asks for, with what a test has put in; else 404."""

    answers: dict[str, Answer] = field(default_factory=dict)
    once: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    contract: Contract = field(default_factory=Unwritten)
    resource: str = ""

    def operations(self) -> list[Operation]:
        paths = [*(BASE + part for part in PARTS), "/discovery", HISTORY]
        return [Operation(method, path, self.answer) for method in ("GET", "PUT", "POST") for path in paths]

    def answer(self, request: Request, verb: str = "", kind: str = "", **_: str) -> Answer:
        call = f"{request.method} {verb or kind or request.parts[-1]}"
        self.asked.append(call)
        return self.once.pop(call, None) or self.answers.get(call, Answer(404))

    def refused(self, refusal: Refusal) -> Answer:
        raise refusal

    async def live(self) -> None:
        return


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Region, dict[str, str]]]:
    region = Region()
    with running(tmp_path_factory.mktemp("region"), [region], Clock()) as peer, pytest.MonkeyPatch.context() as patch:
        for name, value in peer.env.items():
            patch.setenv(name, value)
        yield region, MACHINE_LEARNING | {"AML_ENDPOINT": peer.env["URL"]} | peer.env


@pytest.fixture
def region(served: tuple[Region, dict[str, str]]) -> Region:
    """A region where the workspace, the environment and the cluster are there, and no job is."""
    region, env = served
    region.asked.clear()
    region.answers = {
        "GET tally": Answer(200, {"location": "here", "properties": {"discoveryUrl": f"{env['URL']}/discovery"}}),
        "GET discovery": Answer(200, {"api": env["URL"], "history": "https://127.0.0.1:9"}),
        "GET environments": Answer(200, {"properties": {}}),
        "GET computes": Answer(200, {"properties": {"provisioningState": "Succeeded", "properties": None}}),
    }
    return region


@pytest.fixture
def compute(served: tuple[Region, dict[str, str]], region: Region) -> AzureMLCompute:
    notes = MemoryBlobs()
    return AzureMLCompute(Settings.from_env(served[1]), notes, notes)


def notes_of(compute: AzureMLCompute) -> Notes:
    """The notes of a run that was submitted."""
    notes = Notes(compute.notes, "run")
    notes.take(1, TASKS)
    return notes


def job(status: str, **changed: Any) -> Answer:
    created = datetime.now(UTC).isoformat()
    return Answer(200, {"properties": {"status": status} | changed, "systemData": {"createdAt": created}})


def details(error: dict[str, Any] | None, **changed: str) -> Answer:
    return Answer(200, {"error": error} | changed)


def test_a_refused_job_says_what_is_wrong_with_it(compute: AzureMLCompute, region: Region) -> None:
    region.answers["PUT jobs"] = recorded("job-put-invalid-400")
    with pytest.raises(InvalidInput, match="Could not find member 'assetVersion' on object of type") as raised:
        compute.submit("run", 1, TASKS)
    assert "\n" not in str(raised.value)


def test_a_job_that_another_request_made_is_none_that_was_refused(compute: AzureMLCompute, region: Region) -> None:
    region.answers["PUT jobs"] = recorded("job-put-changed-400")
    region.once = {"GET jobs": Answer(404)}
    region.answers["GET jobs"] = recorded("job-get-preparing-200")
    compute.submit("run", 1, TASKS)
    assert region.asked[-2:] == ["PUT jobs", "GET jobs"]


def test_what_a_job_names_in_vain_is_said_to_be_missing(compute: AzureMLCompute, region: Region) -> None:
    region.answers["PUT jobs"] = recorded("job-put-not-found-404")
    with pytest.raises(SettingsError, match="Not found component example") as raised:
        compute.submit("run", 1, TASKS)
    assert "AML_WORKSPACE" not in str(raised.value)
    region.answers["PUT jobs"] = region.answers["GET tally"] = recorded("workspace-get-404")
    with pytest.raises(SettingsError, match="example' was not found"):
        compute.submit("run", 1, TASKS)


@pytest.mark.parametrize("form", ["compute-get-404", "asset-get-404", "workspace-get-404", "history-run-get-404"])
def test_a_404_of_any_form_means_that_there_is_none(compute: AzureMLCompute, region: Region, form: str) -> None:
    region.answers |= {"GET jobs": recorded(form), "GET details": recorded(form)}
    assert compute.workspace.get("jobs/run-1") is None
    assert compute.workspace.details("run-1") == {}
    region.answers["GET jobs"] = Answer(404, b"<html>Not here</html>", {"content-type": "text/html"})
    assert compute.workspace.get("jobs/run-1") is None


@pytest.mark.parametrize("answer", ["job-cancel-202", "job-cancel-ended-400"])
def test_a_cancellation_is_asked_for_whatever_the_job_is_at(
    compute: AzureMLCompute, region: Region, answer: str
) -> None:
    notes_of(compute)
    region.answers |= {"POST cancel": recorded(answer), "GET jobs": job("Finalizing")}
    compute.cancel("run")
    assert compute.status("run").phase is Phase.RUNNING
    assert region.asked.count("POST cancel") == 2
    region.answers["GET jobs"] = job("Completed")
    assert compute.status("run").phase is Phase.CANCELLED


def test_a_job_that_is_never_cancelled_keeps_no_run_waiting(
    served: tuple[Region, dict[str, str]], compute: AzureMLCompute, region: Region
) -> None:
    notes_of(compute)
    region.answers["GET jobs"] = job("cancelRequested")
    compute.cancel("run")
    assert compute.status("run").phase is Phase.RUNNING
    impatient = AzureMLCompute(Settings.from_env(served[1] | {"AML_START_SECONDS": "1"}), compute.notes, compute.logs)
    region.answers["GET jobs"] = Answer(200, job("CancelRequested").body, {"date": "Fri, 01 Jan 2100 00:00:00 GMT"})
    assert impatient.status("run").phase is Phase.CANCELLED


@pytest.mark.parametrize("status", [*filter(None, JobState), "queued", "RUNNING", "SomethingNew", None])
def test_a_job_is_open_until_its_status_says_that_it_ended(
    compute: AzureMLCompute, region: Region, status: str | None
) -> None:
    notes_of(compute)
    region.answers["GET jobs"] = job(status)  # type: ignore[arg-type]
    ended = status in ("Completed", "Failed", "Canceled")
    assert (compute.status("run").phase is Phase.RUNNING) != ended


@pytest.mark.parametrize("status", ["completed", "FAILED", "cancelED"])
def test_an_end_is_read_in_any_case(compute: AzureMLCompute, region: Region, status: str) -> None:
    notes_of(compute)
    region.answers["GET jobs"] = job(status)
    assert compute.status("run").phase is not Phase.RUNNING


@pytest.mark.parametrize("status", ["NotResponding", "Paused"])
def test_a_job_without_a_sign_of_life_says_so_and_ends_at_last(
    served: tuple[Region, dict[str, str]], compute: AzureMLCompute, region: Region, status: str
) -> None:
    notes_of(compute)
    region.answers["GET jobs"] = job(status)
    assert compute.status("run").reason == f"Its job run-1 is {status}: its nodes give no sign of life."
    later = {"date": "Fri, 01 Jan 2100 00:00:00 GMT"}
    region.answers["GET jobs"] = Answer(200, region.answers["GET jobs"].body, later)
    compute.status("run")
    status_now = compute.status("run")
    assert status_now.phase is Phase.FAILED
    assert status_now.reason.startswith("No task went on for 3600 s (AML_START_SECONDS). Its job run-1 is")


def test_a_job_on_a_cluster_that_is_being_made_is_sent_at_once(compute: AzureMLCompute, region: Region) -> None:
    region.answers |= {"GET computes": recorded("compute-put-201"), "PUT jobs": recorded("job-put-201")}
    compute.submit("run", 1, TASKS)
    assert region.asked[-1] == "PUT jobs"
    region.answers["GET jobs"] = recorded("job-put-201")
    assert compute.status("run").reason == "It waits for nodes of the cluster cluster1."


def test_members_that_are_null_are_as_absent(compute: AzureMLCompute, region: Region) -> None:
    notes_of(compute)
    region.answers["GET jobs"] = recorded("job-get-preparing-200")
    status = compute.status("run")
    assert (status.phase, status.reason) == (Phase.RUNNING, "It waits for nodes.")


def test_the_history_is_asked_at_the_host_api_and_told_in_one_line(compute: AzureMLCompute, region: Region) -> None:
    notes_of(compute)
    error = record("history-children-failed-200")["body"]["value"][0]["error"]
    region.answers |= {"GET jobs": job("Failed"), "GET details": details(error)}
    reason = compute.status("run").reason
    assert "ended as Failed" in reason
    assert "Authentication failed when trying to access destination." in reason
    assert "\n" not in reason


def test_what_the_history_told_of_a_cancelled_run_is_read(compute: AzureMLCompute, region: Region) -> None:
    notes_of(compute)
    region.answers |= {"GET jobs": job("Canceled"), "GET details": recorded("history-details-canceled-200")}
    assert compute.status("run").reason == "Somebody cancelled its job run-1 in Azure Machine Learning."


NO_CORES = (
    "The specified subscription has a total vCPU quota of 0 and cannot accomodate for at least 1 requested managed "
    "compute node which maps to 2 vCPUs."
)


def test_a_cluster_without_cores_says_how_to_get_some(compute: AzureMLCompute, region: Region) -> None:
    region.answers |= {"GET computes": recorded("compute-get-404")}
    region.answers["PUT computes"] = Answer(400, {"error": {"code": "BadRequest", "message": NO_CORES}})
    with pytest.raises(InvalidInput, match=r"vCPU quota of 0 .* Ask for more cores"):
        compute.submit("run", 1, TASKS)


def test_a_cluster_that_another_instance_makes_at_the_same_time_is_none_that_was_refused(
    compute: AzureMLCompute, region: Region
) -> None:
    region.once = {"GET computes": recorded("compute-get-404")}
    region.answers["PUT computes"] = Answer(409, {"error": {"code": "Conflict", "message": "It is being made."}})
    region.answers |= {"GET computes": recorded("compute-put-201"), "PUT jobs": recorded("job-put-201")}
    compute.submit("run", 1, TASKS)
    assert region.asked[-1] == "PUT jobs"
    region.once = {"GET computes": recorded("compute-get-404")}
    region.answers["GET computes"] = recorded("compute-get-404")
    with pytest.raises(InvalidInput, match="It is being made"):
        compute.submit("again", 1, TASKS)


@pytest.mark.parametrize("status", [401, 403])
def test_a_gateway_that_refuses_the_identity_is_taken_at_its_word(
    compute: AzureMLCompute, region: Region, status: int
) -> None:
    region.answers["GET environments"] = Answer(status, b"<html>No</html>", {"content-type": "text/html"})
    with pytest.raises(SettingsError, match=f"refuses the app's identity .status {status}.*AzureML Data Scientist"):
        compute.submit("run", 1, TASKS)


def test_an_answer_that_is_no_json_is_told_with_its_status(
    compute: AzureMLCompute, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSES", ())
    region.answers["GET environments"] = Answer(400, b"<html>No</html>", {"content-type": "text/html"})
    with pytest.raises(Transient, match="status 400 with something that is no JSON"):
        compute.submit("run", 1, TASKS)


@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_a_time_without_a_zone_is_in_utc(zone: str) -> None:
    assert time_of(f"2026-01-31T00:00:00.1234567{zone}") == datetime(2026, 1, 31, 0, 0, 0, 123456, UTC)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"code": "JobNodeCountExceedsCoreQuota", "message": "4 nodes need 16 cores."}, "Ask for more cores"),
        ({"code": "UserError", "message": "PreemptionError: Nodes of this job got pre-empted"}, "`tally runs retry`"),
    ],
)
def test_a_job_that_failed_for_want_of_nodes_says_what_to_do(
    compute: AzureMLCompute, region: Region, error: dict[str, str], says: str
) -> None:
    notes_of(compute)
    region.answers |= {"GET jobs": job("Failed"), "GET details": details({"error": error})}
    reason = compute.status("run").reason
    assert error["message"].rstrip(".") in reason
    assert says in reason


def test_a_run_has_succeeded_when_each_of_its_tasks_has(compute: AzureMLCompute, region: Region) -> None:
    notes = notes_of(compute)
    notes.mark(1, "done/a")
    notes.mark(1, "done/of another run")
    region.answers |= {"GET jobs": job("Completed"), "GET details": details(None)}
    assert compute.status("run").phase is Phase.FAILED
    notes.mark(1, "done/b")
    assert compute.status("run").phase is Phase.SUCCEEDED


def test_a_job_that_is_gone_is_not_found(compute: AzureMLCompute, region: Region) -> None:
    notes_of(compute)
    region.answers["GET jobs"] = recorded("asset-get-404")
    with pytest.raises(NotFound):
        compute.status("run")
