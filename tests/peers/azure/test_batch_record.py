"""The contract server of Azure Batch against what the real service was recorded to answer, field by field."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from peers.azure.batch.state import Body
from peers.azure.batch.times import Times
from tests.compute.implementations import until
from tests.peers.azure.batch_world import MACHINE, SLOW, World
from tests.peers.azure.record import RECORD, Recorded, differences, recorded

pytestmark = pytest.mark.slow
ANSWERS = recorded("azure-batch")
FILES_NOT_CLAIMED = {
    "account-get": "Resource Manager tells of an account in a list here",
    "pool-management-put": "pools are made from the settings here, without Resource Manager",
    "any-not-authorized": "identities have every right here",
    "any-too-many-requests": "nothing is too much here, unless a test asks for it",
    "task-add-collection-no-account": "there is one account; a wrong audience is refused in the same form",
    "pool-create-invalid": "customer-managed keys are not simulated",
    "pool-list-autoscale-run": "of 2018, with members that are no more",
}
NOT_CLAIMED = {
    "pool-get-autoscale-resizing": {
        "/autoScaleRun": "here the formula has been evaluated by the next look",
        "/currentDedicatedNodes": "and its nodes may have gone",
    },
    "pool-get-resize-stopped": {
        "/certificateReferences": "is no more",
        "/networkConfiguration": "networks are not simulated",
        "/taskSchedulingPolicy/jobDefaultOrder": "is newer than the recording",
    },
    "pool-get-deleting": {"/resizeErrors": "there is none"},
}
HEADERS = (
    "content-type", "dataserviceversion", "dataserviceid", "etag", "last-modified", "location", "request-id",
    "ocp-batch-file-isdirectory", "ocp-batch-file-mode", "ocp-batch-file-url", "server",
)  # fmt: skip
"""Those that matter. Content-Length and Transfer-Encoding are the transport's."""
EDITION = ("etag", "last-modified", "location", "dataserviceid")


type Scenario = Callable[[World, Recorded], requests.Response]


def asked(world: World, record: Recorded) -> requests.Response:
    """The request alone."""
    return world.send(record, {"id": "job1", "poolInfo": {"poolId": "pool1"}})


def of_a_job(world: World, record: Recorded) -> requests.Response:
    world.job()
    return world.send(record, {"id": "job1", "poolInfo": {"poolId": "pool1"}})


def without_room(world: World, record: Recorded) -> requests.Response:
    world.account.job_quota = 0
    return asked(world, record)


def a_job_in_its_state(world: World, record: Recorded) -> requests.Response:
    """The job as the record shows it: still so, ended by itself or by a request, or on its way to its end."""
    shown, times = record.body, world.account.times
    if "all-tasks-completed" in record.name:  # not by the record's word, which is to be said here without being told
        world.job(onAllTasksComplete="terminatejob")
    else:
        world.account.times = SLOW  # one without tasks does not end before it is told to
        _a_job_that_a_request_ends(world, shown, times)
    until(lambda: world.account.jobs["job1"].state == shown["state"])
    return world.send(record)


def _a_job_that_a_request_ends(world: World, shown: Body, times: Times) -> None:
    world.pool(targetDedicatedNodes=int(shown["state"] == "deleting"))
    world.job(shown)
    if shown["state"] == "deleting":
        world.task(command="python -c 'import time; time.sleep(60)'")
        until(lambda: world.account.jobs["job1"].counts["running"] == 1)
        world.made("DELETE", "/jobs/job1")
    elif reason := shown["executionInfo"].get("terminateReason"):
        if shown["state"] == "completed":
            world.account.times = replace(times, job_without_tasks=SLOW.job_without_tasks)
        world.made("POST", "/jobs/job1/terminate", {} if reason == "UserTerminate" else {"terminateReason": reason})


def a_job_that_a_task_failed(world: World, record: Recorded) -> requests.Response:
    world.pool(targetDedicatedNodes=1)
    world.job(record.body["value"][-1])
    world.task(command="python -c 'raise SystemExit(1)'", exitConditions={"default": {"jobAction": "terminate"}})
    until(lambda: world.account.jobs["job1"].state == "completed")
    del record.body["value"][:-1]  # the first one is of a job schedule
    return world.send(record)


def an_idle_node(world: World, record: Recorded) -> requests.Response:
    shown = record.body["value"][0]
    image = {
        name: value for name, value in shown["virtualMachineInfo"]["imageReference"].items() if "exact" not in name
    }
    world.pool(
        {"vmSize": shown["vmSize"].upper(), "virtualMachineConfiguration": MACHINE | {"imageReference": image}},
        targetDedicatedNodes=1,
    )
    (node,) = world.account.pools["pool1"].nodes.values()
    until(lambda: node.state() == "idle")
    return world.send(record)


def of_a_pool(world: World, record: Recorded) -> requests.Response:
    world.pool()
    return world.send(record, {"id": "pool1", "vmSize": "small", "virtualMachineConfiguration": MACHINE})


def a_formula(world: World, record: Recorded) -> requests.Response:
    world.pool(targetDedicatedNodes=2)
    return world.send(record)


def a_pool_in_its_state(world: World, record: Recorded) -> requests.Response:
    """The pool as the record shows it: made, then resized, stopped or deleted."""
    shown, held = record.body, world.account.pools
    world.pool(shown, targetDedicatedNodes=shown["currentDedicatedNodes"])
    pool = held["pool1"]
    until(lambda: pool.allocation == "steady")
    if shown["enableAutoScale"]:
        world.account.times = SLOW
        formula = {name: shown[name] for name in ("autoScaleFormula", "autoScaleEvaluationInterval")}
        world.made("POST", "/pools/pool1/enableautoscale", formula)
        until(lambda: pool.target_dedicated == shown["targetDedicatedNodes"])
    elif shown["state"] == "deleting":
        world.account.times = SLOW
        world.made("DELETE", "/pools/pool1")
    elif shown["targetLowPriorityNodes"]:
        world.contract.batch.scaling.speed = 1.0  # its nodes do not come before it is stopped
        targets = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": shown["targetLowPriorityNodes"]}
        world.made("POST", "/pools/pool1/resize", targets)
        world.made("POST", "/pools/pool1/stopresize")
        until(lambda: pool.resize_errors != [] and pool.allocation == "steady")
    return world.send(record)


def a_pool_without_cores(world: World, record: Recorded) -> requests.Response:
    world.pool()
    pool = world.account.pools["pool1"]
    pool.quota = 0
    world.made("POST", "/pools/pool1/resize", {"targetDedicatedNodes": 1})
    until(lambda: pool.resize_errors != [])
    return world.send(record)


def two_pools(world: World, record: Recorded) -> requests.Response:
    (shown,) = record.body["value"]
    world.pool(shown, targetDedicatedNodes=shown["targetDedicatedNodes"])
    until(lambda: world.account.pools["pool1"].allocation == "steady")
    world.made("POST", "/pools", {"id": "pool2", "vmSize": "small", "virtualMachineConfiguration": MACHINE})
    return world.send(record)


def tasks_added(world: World, record: Recorded) -> requests.Response:
    world.job()
    names = [(each["taskId"], each["status"]) for each in record.body["value"]]
    for name, status in names:
        if status == "ClientError":
            world.task(name)
    answer = world.send(record, {"value": [{"id": name, "commandLine": "x"} for name, _ in names]})
    sent = record.request.get("body", {}).get("value") or [{"id": name} for name, _ in names]
    order = [each["taskId"] for each in answer.json()["value"]]
    assert len(sent) == 1 or order != [each["id"] for each in sent]
    return answer


def tasks_too_large(world: World, record: Recorded) -> requests.Response:
    world.job()
    return world.send(record, {"value": [{"id": "task1", "commandLine": "x" * 1_100_000}]})


def counted(world: World, record: Recorded) -> requests.Response:
    """As many tasks as are counted, ended as is counted; or one that the counts have not heard of."""
    counts = record.body["taskCounts"]
    world.pool(targetDedicatedNodes=int(counts["completed"] > 0))
    world.job()
    if not any(counts.values()):
        world.account.times = SLOW
        world.task()
        return world.send(record)
    names = [f"task{number}" for number in range(counts["completed"])]
    for number, name in enumerate(names):
        world.task(name, f"python -c 'raise SystemExit({int(number < counts['failed'])})'")
    world.ended(*names)
    return world.send(record)


def a_task_in_its_state(world: World, record: Recorded) -> requests.Response:
    """The task as the record shows it: waiting, or ended as it did."""
    shown, info = record.body, record.body["executionInfo"]
    code, sent = info.get("exitCode"), ("containerSettings", "exitConditions", "outputFiles")
    world.pool(targetDedicatedNodes=int(code is not None))
    world.job()
    more = {name: shown[name] for name in sent if name in shown}
    world.task(command=f"python -c 'raise SystemExit({code or 0})'", **more)
    if "commandLine" in shown:
        shown["commandLine"] = f"python -c 'raise SystemExit({code or 0})'"
    if code is not None:
        world.ended("task1")
    elif info.get("failureInfo", {}).get("code") == "TaskEnded":
        world.made("POST", "/jobs/job1/tasks/task1/terminate")
    return world.send(record)


def tasks_listed(world: World, record: Recorded) -> requests.Response:
    world.pool()
    world.job()
    for shown in record.body["value"]:
        files = [dict(each) for each in shown.get("outputFiles", [])]
        for file in files:  # sent as documented, shown with capitals
            file["uploadOptions"] = {"uploadCondition": file["uploadOptions"]["uploadCondition"].lower()}
        world.task(shown["id"], shown.get("commandLine", "x"), **({"outputFiles": files} if files else {}))
    return world.send(record)


def a_file(world: World, record: Recorded) -> requests.Response:
    world.pool(targetDedicatedNodes=1)
    world.job()
    world.task(command=shlex.join(("python", "-c", f"print({record.body.strip()!r})")))
    world.ended("task1")
    return world.send(record)


def of_a_waiting_task(world: World, record: Recorded) -> requests.Response:
    world.pool()
    world.job()
    world.task()
    return world.send(record)


def of_an_ended_task(world: World, record: Recorded) -> requests.Response:
    world.pool(targetDedicatedNodes=1)
    world.job()
    world.task(command="python -c 'raise SystemExit(1)'")
    world.ended("task1")
    return world.send(record)


def with_a_wrong_audience(world: World, record: Recorded) -> requests.Response:
    held = world.session.request

    def request(method: str, url: str, **parts: Any) -> requests.Response:
        if "msi" in url:
            parts["params"] |= {"resource": "https://batch.core.windows.net"}
        return held(method, url, **parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.session, "request", request)
        return world.send(record)


SCENARIOS: dict[str, Scenario] = {
    "any-wrong-audience": with_a_wrong_audience,
    "job-create": asked,
    "job-create-exists": of_a_job,
    "job-create-quota": without_room,
    "job-delete": of_a_job,
    "job-get": a_job_in_its_state,
    "job-get-404": asked,
    "job-list-task-failed": a_job_that_a_task_failed,
    "job-terminate": of_a_job,
    "job-update": of_a_job,
    "node-list-idle": an_idle_node,
    "pool-create-exists": of_a_pool,
    "pool-evaluate": a_formula,
    "pool-get": a_pool_in_its_state,
    "pool-get-404": asked,
    "pool-get-core-quota": a_pool_without_cores,
    "pool-list-invalid-query": asked,
    "pool-list-next-link": two_pools,
    "pool-resize-missing-property": of_a_pool,
    "task-add-collection": tasks_added,
    "task-add-collection-too-large": tasks_too_large,
    "task-counts": counted,
    "task-file": a_file,
    "task-file-active": of_a_waiting_task,
    "task-get": a_task_in_its_state,
    "task-list": tasks_listed,
    "task-reactivate": of_an_ended_task,
    "task-terminate": of_a_waiting_task,
    "task-terminate-completed": of_an_ended_task,
}
"""What brings a recorded answer about, by what its name begins with; the longest one counts."""


def _by_name[T](name: str, known: dict[str, T]) -> T | None:
    return next((known[each] for each in sorted(known, key=len, reverse=True) if name.startswith(each)), None)


@pytest.mark.parametrize("name", sorted(ANSWERS) or ["absent"])
def test_an_answer_is_as_the_real_service_gave_it(world: World, name: str) -> None:
    if name not in ANSWERS:
        pytest.skip(f"{RECORD / 'azure-batch'} is absent")
    if reason := _by_name(name, FILES_NOT_CLAIMED):
        pytest.skip(f"not claimed: {reason}")
    record, scenario = ANSWERS[name], _by_name(name, SCENARIOS)
    assert scenario, f"nothing here brings {name} about: add a scenario, or say that it is not claimed"
    answer = scenario(world, record)
    assert answer.status_code == record.status, answer.text
    assert not re.search(r"\.\d*0Z", answer.text)  # a date's last zeros are left out
    if record.body is None:
        assert answer.content == b""
    else:
        body = answer.text if isinstance(record.body, str) else answer.json()
        body = _quoted(record.body, body) if _is_quoted(record) else body
        assert list(differences(record.body, body, _by_name(name, NOT_CLAIMED) or {})) == []
    assert list(differences(*_headers(record, answer), {})) == []


def _is_quoted(record: Recorded) -> bool:
    """Whether only the members that somebody quoted are there, not the whole answer."""
    return "DataServiceVersion" not in record.headers


def _quoted(record: Any, body: Any) -> Any:
    if isinstance(record, dict) and isinstance(body, dict):
        return {name: _quoted(record[name], value) for name, value in body.items() if name in record}
    return body


def _headers(record: Recorded, answer: requests.Response) -> tuple[Body, Body]:
    """The headers that matter, of both; those that an answer must not have where the record has none are EDITION."""
    held = {name.lower(): value for name, value in record.headers.items() if name.lower() in HEADERS}
    chosen = held.keys() | (set() if _is_quoted(record) else set(EDITION))
    return held, {name: answer.headers[name] for name in chosen if name in answer.headers}
