"""Jobs, tasks, pools and nodes as the service shows them: in its own capitals, with what it fills in."""

from datetime import UTC, datetime
from typing import Any

from peers.azure.batch.state import Account, Body, Job, Node, Pool, Task

FOREVER = "P10675199DT2H48M5.4775807S"
USER = {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
_CAPITALS = {each.lower(): each for each in ("TaskCompletion", "TaskSuccess", "TaskFailure", "Spread", "Pack")}
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """A moment in JSON: zeros at the end of its fraction are left out."""
    text = moment.isoformat(timespec="microseconds").removesuffix("+00:00")
    return text.rstrip("0").rstrip(".") + "Z"


def etag(modified: datetime) -> str:
    """The ETag of what was modified then: its time in units of 100 ns."""
    since = modified - _FIRST
    return f"0x{((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 10:X}"


def _capital(word: str) -> str:
    return _CAPITALS.get(word.lower(), word)


def _common(url: str, item: Job | Task | Pool) -> Body:
    shown = {
        "id": item.id,
        "url": url,
        "eTag": etag(item.modified),
        "lastModified": stamp(item.modified),
        "creationTime": stamp(item.created),
        "state": item.state,
        "stateTransitionTime": stamp(item.changed),
    }
    if not isinstance(item, Pool) and item.previous and item.previous_changed:
        shown |= {"previousState": item.previous, "previousStateTransitionTime": stamp(item.previous_changed)}
    return shown


def describe_job(account: Account, job: Job) -> Body:
    """The job as the service shows it."""
    info: Body = {"startTime": stamp(job.created), "poolId": job.pool_id}
    if job.reason:
        info["terminateReason"] = job.reason
    if job.ended:
        info["endTime"] = stamp(job.ended)
    if job.state == "deleting" and job.counts["running"]:
        info["schedulingError"] = _awaiting_nodes(job)
    filled: Body = {
        "priority": 0,
        "maxParallelTasks": -1,
        "usesTaskDependencies": False,
        "allowTaskPreemption": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    }
    constraints = {"maxWallClockTime": FOREVER, "maxTaskRetryCount": 0} | job.body.get("constraints", {})
    common = _common(f"{account.url}/jobs/{job.id}", job)
    return filled | job.body | {"constraints": constraints, "executionInfo": info} | common


def _awaiting_nodes(job: Job) -> Body:
    nodes = {task.node for task in job.tasks.values() if task.state == "running"}
    return {
        "category": "ServerError",
        "code": "JobDeletionAwaitingNodeProcessing",
        "message": "The Job deletion operation is waiting for processing from one or more nodes.",
        "details": [{"name": "Number of nodes awaiting processing", "value": str(len(nodes))}],
    }


def describe_task(account: Account, job: Job, task: Task) -> Body:
    """The task as the service shows it."""
    body = task.body()
    constraints = {"maxWallClockTime": FOREVER, "retentionTime": "P7D", "maxTaskRetryCount": 0}
    filled: Body = {"userIdentity": USER, "requiredSlots": 1} | body
    filled["constraints"] = constraints | body.get("constraints", {})
    if "containerSettings" in body:
        filled["containerSettings"] = {"workingDirectory": "taskWorkingDirectory"} | body["containerSettings"]
    if "outputFiles" in body:
        filled["outputFiles"] = [_output_file(each) for each in body["outputFiles"]]
    if task.node or task.ended:
        filled["nodeInfo"] = _node_info(account, job, task)
    url = f"{account.url}/jobs/{job.id}/tasks/{task.id}"
    return filled | _common(url, task) | {"executionInfo": _execution(task)}


def as_listed(account: Account, job: Job, task: Task) -> Body:
    """The task as a list shows it: for a while, one that is completed as it was before."""
    shown = describe_task(account, job, task)
    if task.state == "completed" and task.state_seen(account.times.lists_behind) != "completed":
        shown["state"] = task.previous
        for name in ("endTime", "exitCode", "failureInfo", "result"):
            shown["executionInfo"].pop(name, None)
    return shown


def _output_file(file: Body) -> Body:
    options = {"uploadCondition": _capital(file["uploadOptions"]["uploadCondition"])}
    return file | {"uploadOptions": file["uploadOptions"] | options}


def _execution(task: Task) -> Body:
    info: Body = {"retryCount": task.retries, "requeueCount": task.requeues}
    for name, moment in (("startTime", task.started), ("endTime", task.ended)):
        if moment:
            info[name] = stamp(moment)
    for name, value in (("exitCode", task.exit_code), ("failureInfo", task.failure), ("result", task.result or None)):
        if value is not None:
            info[name] = value
    return info


def _node_info(account: Account, job: Job, task: Task) -> Body:
    if task.node is None:
        return {}
    url = f"{account.url}/pools/{job.pool_id}/nodes/{task.node.id}"
    root = f"workitems/{job.id}/job-1/{task.id}"
    return {
        "affinityId": f"TVM:{task.node.id}",
        "nodeUrl": url,
        "poolId": job.pool_id,
        "nodeId": task.node.id,
        "taskRootDirectory": root,
        "taskRootDirectoryUrl": f"{url}/files/{root}",
    }


def describe_pool(account: Account, pool: Pool) -> Body:
    """The pool as the service shows it."""
    present = [node for node in pool.nodes.values() if node.state()]
    dedicated = sum(node.dedicated for node in present)
    body = pool.body
    shown: Body = {
        "resizeTimeout": "PT15M",
        "enableAutoScale": False,
        "enableInterNodeCommunication": False,
        "taskSlotsPerNode": 1,
    } | body
    shown |= _common(f"{account.url}/pools/{pool.id}", pool) | {
        "allocationState": pool.allocation,
        "allocationStateTransitionTime": stamp(pool.allocation_changed),
        "vmSize": body["vmSize"].lower(),
        "currentDedicatedNodes": dedicated,
        "targetDedicatedNodes": pool.target_dedicated,
        "currentLowPriorityNodes": len(present) - dedicated,
        "targetLowPriorityNodes": pool.target_low_priority,
        "taskSchedulingPolicy": _fill_policy(body.get("taskSchedulingPolicy", {})),
    }
    if body.get("enableAutoScale"):
        shown.setdefault("autoScaleEvaluationInterval", "PT15M")
    if "startTask" in body:
        defaults = {"userIdentity": USER, "maxTaskRetryCount": 0, "waitForSuccess": True}
        shown["startTask"] = defaults | body["startTask"]
    if "userAccounts" in body:
        shown["userAccounts"] = [_user(each) for each in body["userAccounts"]]
    if pool.resize_errors:
        shown["resizeErrors"] = pool.resize_errors
    return shown | ({"autoScaleRun": pool.run} if pool.run else {})


def _fill_policy(policy: Body) -> Body:
    filled = {"nodeFillType": "Spread", "jobDefaultOrder": "none"} | policy
    return filled | {"nodeFillType": _capital(filled["nodeFillType"])}


def _user(account: Body) -> Body:
    return {"elevationLevel": "nonadmin"} | {name: value for name, value in account.items() if name != "password"}


def describe_node(account: Account, pool: Pool, node: Node, now: datetime) -> Body:
    """The node as the service shows it."""
    image: dict[str, Any] = pool.body.get("virtualMachineConfiguration", {}).get("imageReference", {})
    return {
        "id": node.id,
        "url": f"{account.url}/pools/{pool.id}/nodes/{node.id}",
        "state": node.state(),
        "schedulingState": "enabled",
        "stateTransitionTime": stamp(node.asked),
        "lastBootTime": stamp(node.asked),
        "allocationTime": stamp(node.asked),
        "ipAddress": "10.0.0.4",
        "affinityId": f"TVM:{node.id}",
        "vmSize": pool.body["vmSize"].lower(),
        "totalTasksRun": node.ran,
        "totalTasksSucceeded": node.succeeded,
        "runningTasksCount": len(node.tasks),
        "runningTaskSlotsCount": len(node.tasks),
        "isDedicated": node.dedicated,
        "nodeAgentInfo": {"lastUpdateTime": stamp(now), "version": "1.12.15"},
        "virtualMachineInfo": {"imageReference": image | {"exactVersion": image.get("version", "latest")}},
    }
