"""Pools as the management plane is told of them, in the words of the service that runs them."""

from typing import Any

from peers.azure.batch.state import Body


def pool_body(name: str, resource: dict[str, Any]) -> Body:
    """The pool of a Microsoft.Batch/batchAccounts/pools resource."""
    properties = resource["properties"]
    machine = dict(properties["deploymentConfiguration"]["virtualMachineConfiguration"])
    machine["nodeAgentSKUId"] = machine.pop("nodeAgentSkuId")
    containers = dict(machine.get("containerConfiguration", {}))
    if containers:
        machine["containerConfiguration"] = containers | {"type": "dockerCompatible"}
    scale = properties["scaleSettings"]["autoScale"]
    identities = resource["identity"]["userAssignedIdentities"]
    mounts = {"mountConfiguration": properties["mountConfiguration"]} if "mountConfiguration" in properties else {}
    return mounts | {
        "id": name,
        "vmSize": properties["vmSize"],
        "taskSlotsPerNode": properties["taskSlotsPerNode"],
        "virtualMachineConfiguration": machine,
        "enableAutoScale": True,
        "autoScaleFormula": scale["formula"],
        "autoScaleEvaluationInterval": scale["evaluationInterval"],
        "identity": {
            "type": "UserAssigned",
            "userAssignedIdentities": [{"resourceId": each} for each in identities],
        },
    }
