"""How the services show jobs, environments, clusters and the workspace: what was not sent is null, or filled in."""

from datetime import datetime
from typing import Any

from peers.azure.ml.errors import stamp7
from peers.azure.ml.state import Body, Cluster, Environment, Job, Workspace

PLACE = "loopback"
PROVIDER = "Microsoft.MachineLearningServices/workspaces"
NOT_SENT: Body = {
    "description": None, "experimentName": "Default", "computeId": None, "isArchived": False, "identity": None,
    "componentId": None, "notificationSetting": None, "codeId": None, "distribution": None, "limits": None,
    "environmentVariables": {}, "inputs": {},
}  # fmt: skip
"""What a job has where nothing was sent."""
RESOURCES: Body = {"instanceCount": 1, "instanceType": None, "properties": None, "shmSize": "2g", "dockerArgs": None}
SERVICE: Body = {"port": None, "status": None, "errorMessage": None, "properties": None, "nodes": None}
INPUT: Body = {"description": None, "mode": "ReadOnlyMount"}
OUTPUT: Body = {"description": None, "uri": None, "mode": "ReadWriteMount"}
AVAILABLE = '{"AllocationState":"steady","PreparingNodeCount":0,"RunningNodeCount":0,"CurrentNodeCount":0}'
COUNTS = ("preparing", "running", "idle", "unusable", "leaving", "preempted")


def _envelope(workspace: Workspace, kind: str, part: str, properties: Body) -> Body:
    return {
        "id": f"{workspace.resource}/{part}",
        "name": part.rpartition("/")[2],
        "type": f"{PROVIDER}/{kind}",
        "properties": properties,
    }


def _made(created: datetime, changed: bool = False) -> Body:
    made = {"createdAt": stamp7(created), "createdBy": "tally", "createdByType": "Application"}
    last = {"lastModifiedAt": stamp7(created), "lastModifiedBy": "tally", "lastModifiedByType": "Application"}
    return made | (last if changed else {})


def stored(job: Job, workspace: Workspace) -> Body:
    """What the service has of a job's definition, its own additions included."""
    sent = {name: value for name, value in job.body["properties"].items() if value is not None} | job.changed
    place = f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{job.id}"
    outputs = {"default": {"uri": place, "jobOutputType": "uri_folder"}} | sent.get("outputs", {})
    filled: Body = {
        "resources": RESOURCES | sent.get("resources", {}),
        "inputs": {name: INPUT | held for name, held in sent.get("inputs", {}).items()},
        "outputs": {name: OUTPUT | held for name, held in outputs.items()},
        "queueSettings": sent.get("queueSettings", {"jobTier": "Null" if sent.get("computeId") else "Standard"}),
    }
    return NOT_SENT | {"displayName": job.id} | sent | filled


def job_body(job: Job, workspace: Workspace) -> Body:
    """A job."""
    held = stored(job, workspace)
    region = workspace.url.removeprefix("https://")
    tracking = {"endpoint": f"azureml://{region}/mlflow/v1.0{workspace.resource}?"}
    group, _, name = workspace.resource.partition(f"/providers/{PROVIDER}/")
    studio = {"endpoint": f"https://ml.azure.com/runs/{job.id}?wsid={group.lower()}/workspaces/{name}"}
    own = {"_azureml.ComputeTargetType": "amlctrain", "_azureml.ClusterName": job.last("computeId") or None}
    files = {
        "ProcessInfoFile": "azureml-logs/process_info.json",
        "ProcessStatusFile": "azureml-logs/process_status.json",
    }
    properties = held | {
        "tags": (held.get("tags") or {}) | ({"_aml_system_ComputeTargetStatus": AVAILABLE} if job.placed else {}),
        "properties": (held.get("properties") or {}) | own | (files if job.placed else {}),
        "status": job.status,
        "services": {
            kind: {"jobServiceType": kind} | SERVICE | where
            for kind, where in (("Tracking", tracking), ("Studio", studio))
        },
        "parameters": {},
    }
    if job.status != "Starting" and properties["identity"] is None:
        properties["identity"] = {"identityType": "AMLToken"}
    return _envelope(workspace, "jobs", f"jobs/{job.id}", properties) | {"systemData": _made(job.created)}


def environment_body(key: tuple[str, str], environment: Environment, workspace: Workspace) -> Body:
    """A version of an environment."""
    properties: Body = {
        "description": None, "tags": {}, "properties": {"azureml.labels": "latest"}, "isArchived": False,
        "isAnonymous": False, "environmentType": "UserCreated", "condaFile": "", "osType": "Linux",
        "autoRebuild": "Disabled", "provisioningState": "Succeeded", "stage": "Development",
    }  # fmt: skip
    properties |= {name: value for name, value in environment.body["properties"].items() if value is not None}
    part = f"environments/{key[0]}/versions/{key[1]}"
    shown = _envelope(workspace, "environments/versions", part, properties)
    return shown | {"systemData": _made(environment.created, changed=True)}


def cluster_body(cluster: Cluster, workspace: Workspace, now: float) -> Body:
    """A cluster, with null for what is not known while it is made."""
    making = cluster.ready_at > now
    sent = cluster.body["properties"]
    properties: Body = {
        "createdOn": stamp7(cluster.created),
        "modifiedOn": stamp7(cluster.modified or cluster.created),
        "disableLocalAuth": bool(sent.get("disableLocalAuth")),
        "description": sent.get("description"),
        "resourceId": None,
        "computeType": "AmlCompute",
        "provisioningState": "Creating" if making else "Succeeded",
        "provisioningErrors": None,
        "isAttachedCompute": False,
        "properties": _machines(cluster, now, cluster.steady_at <= now),
    }
    if not making:
        properties["computeLocation"] = cluster.body.get("location")
    shown = _envelope(workspace, "computes", f"computes/{cluster.name}", properties)
    own = {name: cluster.body[name] for name in ("identity",) if cluster.body.get(name)}
    return shown | {"location": cluster.body.get("location"), "tags": None if making else {}} | own


def _machines(cluster: Cluster, now: float, counted: bool) -> Body:
    sent = cluster.body["properties"]["properties"]
    short = cluster.nodes + len(cluster.coming) < cluster.wanted and cluster.quota < cluster.wanted
    missing = {"code": "ClusterCoreQuotaReached", "message": f"{cluster.name} needs more cores than the quota has."}
    known = dict.fromkeys(COUNTS, 0) | {"preparing": len(cluster.coming), "running": cluster.busy}
    known["idle"] = max(0, cluster.nodes - cluster.busy)
    counts: Body = {
        "currentNodeCount": cluster.nodes,
        "targetNodeCount": cluster.wanted,
        "nodeStateCounts": {f"{kind}NodeCount": count for kind, count in known.items()},
        "allocationState": "Resizing" if cluster.coming or cluster.leaving_until > now else "Steady",
    }
    later = {"allocationStateTransitionTime": stamp3(cluster.modified or cluster.created), "propertyBag": {}}
    shown: Body = {
        "vmSize": sent["vmSize"] if cluster.modified else sent["vmSize"].upper(),
        "vmPriority": sent.get("vmPriority") or "Dedicated",
        "scaleSettings": {"minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT2M"} | sent["scaleSettings"],
        "subnet": None,
        "errors": [{"error": missing}] if short else None,
        "remoteLoginPortPublicAccess": sent.get("remoteLoginPortPublicAccess") or "Disabled",
        "osType": sent.get("osType") or "Linux",
        "virtualMachineImage": None,
        "isolatedNetwork": False,
    }
    if sent.get("enableNodePublicIp"):
        shown["enableNodePublicIp"] = True
    return shown | (counts | later if counted else dict.fromkeys(counts))


def stamp3(moment: datetime) -> str:
    """A moment with three digits of a second."""
    return moment.isoformat(timespec="milliseconds")


def workspace_body(workspace: Workspace, now: datetime) -> Body:
    """The workspace."""
    group, _, name = workspace.resource.partition(f"/providers/{PROVIDER}/")
    zeros = "00000000-0000-0000-0000-000000000000"
    made = stamp7(now).replace("+00:00", "Z")
    region = workspace.url.removeprefix("https://")
    properties: dict[str, Any] = {
        "friendlyName": name,
        "description": "",
        "storageAccount": f"{group}/providers/Microsoft.Storage/storageAccounts/{name}",
        "keyVault": f"{group}/providers/Microsoft.Keyvault/vaults/{name}",
        "applicationInsights": None,
        "hbiWorkspace": False,
        "tenantId": zeros,
        "imageBuildCompute": None,
        "provisioningState": "Succeeded",
        "v1LegacyMode": False,
        "workspaceId": zeros,
        "privateLinkCount": 0,
        "publicNetworkAccess": "Enabled",
        "discoveryUrl": f"{workspace.url}/discovery",
        "mlFlowTrackingUri": f"azureml://{region}/mlflow/v1.0{workspace.resource}",
        "storageHnsEnabled": False,
        "enableDataIsolation": False,
    }
    shown = {"id": workspace.resource, "name": name, "type": PROVIDER, "location": PLACE, "tags": {}}
    return shown | {
        "properties": properties,
        "identity": {"type": "SystemAssigned", "principalId": zeros, "tenantId": zeros},
        "kind": "Default",
        "sku": {"name": "Basic", "tier": "Basic"},
        "systemData": {name: made if name.endswith("At") else held for name, held in _made(now, changed=True).items()},
    }
