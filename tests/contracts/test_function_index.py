"""The function index as Microsoft's own worker reports it: what the host will listen for."""

from pathlib import Path

from devhost.function import FunctionInfo
from devhost.worker import index

ROOT = Path(__file__).parents[2]


def _facts(function: FunctionInfo) -> tuple[str, ...]:
    match function.trigger_type:
        case "httpTrigger":
            return (" ".join(function.methods), function.route, function.auth_level)
        case "timerTrigger":
            return (function.schedule,)
        case "queueTrigger":
            return (function.queue, function.connection)
    return (function.event_hub, function.connection, function.consumer_group, "many" if function.many else "one")


def test_the_worker_finds_these_functions_and_no_others() -> None:
    found = {function.name: (function.trigger_type, *_facts(function)) for function in index(ROOT)}
    assert found == {
        "ingest_readings": (
            "eventHubTrigger", "%EVENT_HUB_NAME%", "EventHubs", "%EVENT_HUB_CONSUMER_GROUP%", "many",
        ),
        "flush_readings": ("timerTrigger", "%FLUSH_SCHEDULE%"),
        "start_due_runs": ("timerTrigger", "%SCORING_SCHEDULE%"),
        "sweep_runs": ("timerTrigger", "%SWEEP_SCHEDULE%"),
        "start_uploaded": ("queueTrigger", "uploads", "ControlStorage"),
        "give_up_upload": ("queueTrigger", "uploads-poison", "ControlStorage"),
        "sweep_uploads": ("timerTrigger", "%UPLOAD_SWEEP_SCHEDULE%"),
        "move_run": ("queueTrigger", "runs", "ControlStorage"),
        "give_up_run": ("queueTrigger", "runs-poison", "ControlStorage"),
        "start_run": ("httpTrigger", "POST", "api/runs", "function"),
        "list_runs": ("httpTrigger", "GET HEAD", "api/runs", "function"),
        "show_run": ("httpTrigger", "GET HEAD", "api/runs/{id}", "function"),
        "cancel_run": ("httpTrigger", "POST", "api/runs/{id}/cancel", "function"),
        "retry_run": ("httpTrigger", "POST", "api/runs/{id}/retry", "function"),
        "score_faq": ("httpTrigger", "POST", "api/score/faq", "function"),
        "show_faq_entry": ("httpTrigger", "GET HEAD", "api/faq/{id}", "function"),
        "put_faq_entry": ("httpTrigger", "PUT", "api/faq/{id}", "function"),
        "remove_faq_entry": ("httpTrigger", "DELETE", "api/faq/{id}", "function"),
        "score_image": ("httpTrigger", "POST", "api/score/image", "function"),
        "score": ("httpTrigger", "POST", "score", "function"),
        "show_server": ("httpTrigger", "GET HEAD", "v2", "function"),
        "server_live": ("httpTrigger", "GET HEAD", "v2/health/live", "anonymous"),
        "server_ready": ("httpTrigger", "GET HEAD", "v2/health/ready", "anonymous"),
        "show_model": ("httpTrigger", "GET HEAD", "v2/models/{model}", "function"),
        "show_model_version": ("httpTrigger", "GET HEAD", "v2/models/{model}/versions/{version}", "function"),
        "model_ready": ("httpTrigger", "GET HEAD", "v2/models/{model}/ready", "function"),
        "model_version_ready": ("httpTrigger", "GET HEAD", "v2/models/{model}/versions/{version}/ready", "function"),
        "infer_model": ("httpTrigger", "POST", "v2/models/{model}/infer", "function"),
        "infer_model_version": ("httpTrigger", "POST", "v2/models/{model}/versions/{version}/infer", "function"),
        "live": ("httpTrigger", "GET HEAD", "api/health/live", "anonymous"),
        "ready": ("httpTrigger", "GET HEAD", "api/health/ready", "anonymous"),
        "show_metrics": ("httpTrigger", "GET HEAD", "api/metrics", "function"),
        "show_openapi": ("httpTrigger", "GET HEAD", "api/openapi.json", "anonymous"),
        "unrouted_api": ("httpTrigger", "", "api/{*rest}", "anonymous"),
        "unrouted_score": ("httpTrigger", "", "score", "anonymous"),
        "unrouted_v2": ("httpTrigger", "", "v2/{*rest}", "anonymous"),
        "show_docs": ("httpTrigger", "GET HEAD", "api/docs", "anonymous"),
    }  # fmt: skip


def test_what_answers_all_other_paths_is_asked_last() -> None:
    names = sorted((function.name for function in index(ROOT)), key=str.upper)
    assert [name.partition("_")[0] for name in names[-3:]] == ["unrouted"] * 3


def test_readings_are_tried_again_until_storage_is_back() -> None:
    (ingest,) = (function for function in index(ROOT) if function.name == "ingest_readings")
    assert ingest.retry is not None
    assert ingest.retry.limit == -1
