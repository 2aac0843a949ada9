"""What requests and answers of Azure Batch must be like: Microsoft's file, less what the service is seen to say."""

from pathlib import Path

from peers.azure.exchange import Contract
from peers.azure.openapi import Deviations, OpenApi
from peers.azure.sdk_models import SdkModels

API_VERSION = "2025-06-01"
MICROSOFT = Path(__file__).parents[4] / "shared/contracts/batch/2025-06-01.reconstructed/BatchService.json"
DEVIATIONS = Deviations(
    members={
        "odata.metadata": "every body of an answer begins with it; the file does not know it",
        "error@odata.navigationLinkUrl": "beside the error of a task that was not added",
    },
    problems={
        r'.*/status: "(Success|ClientError|ServerError)" is not one of .*': "results of adding, with capitals",
        r'.*/category: "(UserError|ServerError)" is not one of .*': "categories of errors, with capitals",
        r'.*/uploadCondition: "Task(Completion|Success|Failure)" is not one of .*': "shown with capitals, however sent",
        r'.*/nodeFillType: "(Spread|Pack)" is not one of .*': "shown with capitals, however sent",
        r'.*: "ipv6Address" is a required property': "nodes have none",
        r'.*userAccounts/\d+: "password" is a required property': "is never shown",
        r'.*/jobDefaultOrder: "none" .*': "shown although nobody sent it",
    },
)
_QUERY = "api-version timeOut maxresults $filter $select $expand $skiptoken startTime endTime force recursive"
_MODELS = {
    "POST /jobs": ("BatchJobCreateOptions", None),
    "GET /jobs/{jobId}": (None, "BatchJob"),
    "PATCH /jobs/{jobId}": ("BatchJobUpdateOptions", None),
    "POST /jobs/{jobId}/disable": ("BatchJobDisableOptions", None),
    "POST /jobs/{jobId}/terminate": ("BatchJobTerminateOptions", None),
    "POST /jobs/{jobId}/addtaskcollection": ("BatchTaskGroup", "BatchCreateTaskCollectionResult"),
    "GET /jobs/{jobId}/taskcounts": (None, "BatchTaskCountsResult"),
    "POST /jobs/{jobId}/tasks": ("BatchTaskCreateOptions", None),
    "GET /jobs/{jobId}/tasks/{taskId}": (None, "BatchTask"),
    "POST /pools": ("BatchPoolCreateOptions", None),
    "GET /pools/{poolId}": (None, "BatchPool"),
    "POST /pools/{poolId}/resize": ("BatchPoolResizeOptions", None),
    "POST /pools/{poolId}/enableautoscale": ("BatchPoolEnableAutoScaleOptions", None),
    "POST /pools/{poolId}/evaluateautoscale": ("BatchPoolEvaluateAutoScaleOptions", "AutoScaleRun"),
}


def contract_of(path: Path = MICROSOFT) -> Contract:
    """Microsoft's file where it is at hand, with what reads it; else the installed SDK's models."""
    if path.exists():
        try:
            return OpenApi(path, ("$skiptoken",), DEVIATIONS)
        except ImportError:
            pass
    import azure.batch.models

    bodies = {name: body for name, (body, _) in _MODELS.items() if body}
    answers = {name: answer for name, (_, answer) in _MODELS.items() if answer}
    return SdkModels(azure.batch.models, API_VERSION, bodies, answers, frozenset(_QUERY.split()), DEVIATIONS)
