"""What changes with time in the contract server of Azure Batch: states, deletions, counts and lists that are behind."""

import re
import time

import msgspec
import pytest

from peers.azure.batch.state import Task
from peers.azure.batch.times import Times
from tests.compute.implementations import until
from tests.peers.azure.batch_world import SLOW, World

pytestmark = pytest.mark.slow
SLEEPER = "python -c 'import time; time.sleep(60)'"


def test_a_pool_is_resizing_until_its_nodes_are_there_and_they_start_before_they_are_idle(world: World) -> None:
    world.contract.batch.scaling.speed = 1.0
    world.made("POST", "/pools", {"id": "pool1", "vmSize": "small", "targetDedicatedNodes": 1})

    def seen() -> list[str]:
        nodes = world.ask("GET", "/pools/pool1/nodes").json()["value"]
        return [world.ask("GET", "/pools/pool1").json()["allocationState"], *(node["state"] for node in nodes)]

    pool = world.account.pools["pool1"]
    until(lambda: len(pool.nodes) == 1)
    assert seen() == ["resizing"]
    (node,) = pool.nodes.values()
    node.allocated_at = 0.0
    until(lambda: seen() == ["steady", "creating"])
    node.starts_at = 0.0
    assert seen() == ["steady", "starting"]
    node.ready_at = 0.0
    assert seen() == ["steady", "idle"]


def test_a_pool_that_is_deleted_stays_for_a_while(world: World) -> None:
    world.pool()
    world.account.times = SLOW
    world.made("DELETE", "/pools/pool1")
    assert world.ask("GET", "/pools/pool1").json()["state"] == "deleting"
    assert world.ask("DELETE", "/pools/pool1").json()["code"] == "PoolBeingDeleted"
    world.account.pools["pool1"].gone_at = 0.0
    until(lambda: world.ask("GET", "/pools/pool1").json().get("code") == "PoolNotFound")


def test_a_job_that_is_ended_is_terminating_first_and_shows_its_reason(world: World) -> None:
    world.account.times = SLOW
    world.job()
    world.made("POST", "/jobs/job1/terminate", {"terminateReason": "enough"})
    job = world.ask("GET", "/jobs/job1").json()
    assert (job["state"], job["executionInfo"]["terminateReason"]) == ("terminating", "enough")
    assert world.ask("POST", "/jobs/job1/terminate", {}).json()["code"] == "JobBeingTerminated"
    world.account.jobs["job1"].ends_at = 0.0
    until(lambda: world.ask("GET", "/jobs/job1").json()["state"] == "completed")
    assert world.ask("POST", "/jobs/job1/terminate", {}).json()["code"] == "JobCompleted"
    assert world.ask("POST", "/jobs", {"id": "JOB1", "poolInfo": {"poolId": "pool1"}}).json()["code"] == "JobCompleted"


def test_a_job_without_tasks_does_not_end_at_once(world: World) -> None:
    world.account.times = SLOW
    world.job(onAllTasksComplete="terminatejob")
    assert world.ask("GET", "/jobs/job1").json()["state"] == "active"
    world.account.times = Times().faster(600)
    until(lambda: world.ask("GET", "/jobs/job1").json()["state"] == "completed")


def test_a_job_with_a_running_task_is_deleted_late(world: World) -> None:
    world.pool(targetDedicatedNodes=1)
    world.job()
    world.task(command=SLEEPER)
    until(lambda: world.account.jobs["job1"].counts["running"] == 1)
    world.account.times = SLOW
    world.made("DELETE", "/jobs/job1")
    error = world.ask("GET", "/jobs/job1").json()["executionInfo"]["schedulingError"]
    assert error["code"] == "JobDeletionAwaitingNodeProcessing"
    assert (
        world.ask("POST", "/jobs", {"id": "job1", "poolInfo": {"poolId": "pool1"}}).json()["code"] == "JobBeingDeleted"
    )
    world.account.jobs["job1"].ends_at = 0.0
    until(lambda: world.ask("GET", "/jobs/job1").json().get("code") == "JobNotFound")


def test_counts_and_lists_hear_late_of_what_a_look_at_the_task_shows(world: World) -> None:
    world.pool(targetDedicatedNodes=1)
    world.job()
    world.account.times = SLOW
    world.task()
    until(lambda: world.ask("GET", "/jobs/job1/tasks/task1").json()["state"] == "completed")
    (listed,) = world.ask("GET", "/jobs/job1/tasks").json()["value"]
    assert (listed["state"], "result" in listed["executionInfo"]) == ("running", False)
    assert world.ask("GET", "/jobs/job1/tasks?$filter=state eq 'completed'").json()["value"] == []
    world.account.times = Times().faster(float("inf"))
    (listed,) = world.ask("GET", "/jobs/job1/tasks?$filter=state eq 'completed'").json()["value"]
    assert listed["executionInfo"]["result"] == "success"
    assert world.ask("GET", "/jobs/job1/taskcounts").json()["taskCounts"]["succeeded"] == 1


def test_a_node_that_is_taken_away_is_listed_as_preempted_and_its_files_are_not_to_be_had(world: World) -> None:
    world.pool(targetLowPriorityNodes=1)
    world.job()
    world.task(command=SLEEPER)
    until(lambda: world.account.jobs["job1"].counts["running"] == 1)
    world.account.times = SLOW
    pool = world.account.pools["pool1"]
    pool.quota = 0
    task = world.account.jobs["job1"].tasks["task1"]
    world.contract.inside(lambda: world.contract.batch.scaling.preempt(pool))
    until(lambda: task.state == "active")
    assert task.requeues == 1
    assert [each["state"] for each in world.ask("GET", "/pools/pool1/nodes").json()["value"]] == ["preempted"]
    answer = world.ask("GET", "/jobs/job1/tasks/task1/files/stdout.txt")
    assert (answer.status_code, answer.json()["code"]) == (409, "OperationInvalidForCurrentState")


def test_a_task_whose_node_is_taken_away_before_its_first_step_starts_anew(world: World) -> None:
    world.pool(targetLowPriorityNodes=1)
    world.job()
    pool, scheduler = world.account.pools["pool1"], world.contract.batch.scheduler
    until(lambda: any(node.state() == "idle" for node in pool.nodes.values()))

    def added_and_taken_away() -> None:
        task = Task(
            "task1", msgspec.json.encode({"id": "task1", "commandLine": "python -c pass"}), world.account.clock.now()
        )
        world.account.jobs["job1"].tasks["task1"] = task
        scheduler.added(world.account.jobs["job1"], task, [])
        scheduler.assign(pool)
        assert world.contract.batch.scaling.preempt(pool)

    world.contract.inside(added_and_taken_away)
    world.ended("task1")
    task = world.account.jobs["job1"].tasks["task1"]
    assert (task.result, task.requeues) == ("success", 1)


def test_tasks_whose_nodes_are_taken_away_at_any_moment_all_end_well(world: World) -> None:
    world.pool(targetLowPriorityNodes=2)
    world.job(onTaskFailure="performexitoptionsjobaction")
    names = [f"task{number}" for number in range(8)]
    for name in names:
        world.task(name)
    job, pool = world.account.jobs["job1"], world.account.pools["pool1"]
    for pause in range(25):
        time.sleep(pause / 1000)
        world.contract.inside(lambda: world.contract.batch.scaling.preempt(pool))
    world.ended(*names)
    assert {task.result for task in job.tasks.values()} == {"success"}
    assert job.state == "active"


def test_a_pool_takes_one_formula_at_a_time(world: World) -> None:
    world.pool()
    world.account.times = SLOW
    body = {"autoScaleFormula": "$TargetDedicatedNodes=0"}
    world.made("POST", "/pools/pool1/enableautoscale", body)
    answer = world.ask("POST", "/pools/pool1/enableautoscale", body)
    assert (answer.status_code, answer.json()["code"]) == (503, "TooManyEnableAutoScaleRequests")


def test_a_formula_that_fails_is_shown_by_the_pool_with_its_cause(world: World) -> None:
    world.pool()
    world.made("POST", "/pools/pool1/enableautoscale", {"autoScaleFormula": "$TargetDedicatedNodes=0"})
    world.account.pools["pool1"].body["autoScaleFormula"] = "$TargetDedicatedNodes=nodes"
    world.account.pools["pool1"].next_evaluation = 0.0
    until(lambda: "error" in world.ask("GET", "/pools/pool1").json().get("autoScaleRun", {}))
    run = world.ask("GET", "/pools/pool1").json()["autoScaleRun"]
    assert re.fullmatch(r"Line 1, Col \d+: Undefined symbol: nodes", run["error"]["values"][0]["value"])


def test_a_task_on_a_pool_without_containers_is_taken_and_fails_on_its_node(world: World) -> None:
    world.pool(targetDedicatedNodes=1)
    world.job()
    world.task(containerSettings={"imageName": "centos"})
    world.ended("task1")
    info = world.ask("GET", "/jobs/job1/tasks/task1").json()["executionInfo"]
    assert (info["result"], info["failureInfo"]["code"]) == ("failure", "ContainerInvalidSettings")
