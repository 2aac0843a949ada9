"""The app with one workload more in its list, and what its parts know of it: `python -m tests.sentiment.app FOLDER`."""

import json
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from importlib.util import find_spec, module_from_spec
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import azure.functions as func

from tests.sentiment.workload import SENTIMENT

ENV = {
    "COMPUTE": "local,sentiment=azure_batch",
    "NODE_PRICE": "sentiment=2 EUR",
    "BATCH_ENDPOINT": "https://tally.westeurope.batch.azure.com",
    "BATCH_IMAGE": "tally.azurecr.io/tally-{image}:1",
    "BATCH_POOL": "tally-{image}",
    "BATCH_VIDEO_VM_SIZE": "Standard_NC4as_T4_v3",
    "BATCH_IDENTITY": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
    "DataStorage__blobServiceUri": "https://data.blob.core.windows.net",
    "ControlStorage__blobServiceUri": "https://control.blob.core.windows.net",
    "ControlStorage__queueServiceUri": "https://control.queue.core.windows.net",
}
TUPLE = "(ANOMALY, STYLE)"


def declare() -> None:
    """Have the list of workloads be the one that there is, with a name more in its tuple."""
    spec = find_spec("shared.workloads")
    assert spec
    assert spec.origin
    source = Path(spec.origin).read_text()
    assert source.count(TUPLE) == 1
    module = module_from_spec(spec)
    vars(module)["SENTIMENT"] = SENTIMENT
    sys.modules["shared.workloads"] = module
    exec(compile(source.replace(TUPLE, "(ANOMALY, STYLE, SENTIMENT)"), spec.origin, "exec"), vars(module))


def call(handler: Any, **body: Any) -> dict[str, Any]:
    request = func.HttpRequest("POST", "/api/runs", body=json.dumps(body).encode())
    return dict(json.loads(handler(request).get_body()))


def facts(folder: Path) -> dict[str, Any]:
    """What the parts know."""
    import function_app  # noqa: F401 - declares all endpoints
    from cli.azure_rest import AzureRest
    from cli.doctor_azure import AzureChecks
    from cli.run_outputs import outputs_of
    from functions import dependencies, runs, scoring, uploads
    from functions.web.http import OPERATIONS
    from functions.web.openapi import document
    from peers.azure.__main__ import batch_service
    from peers.azure.clock import Clock
    from shared.app import make_driver, make_intake
    from shared.compute.azure_batch.pool import main
    from shared.errors import SettingsError
    from shared.runs.record import State
    from shared.settings import Settings
    from shared.settings.start import check_app
    from shared.storage import MemoryStorage
    from shared.workloads import IMAGES, NAMES

    settings, storage = Settings.from_env(ENV), MemoryStorage()
    check_app(NAMES, ENV)
    try:
        check_app(NAMES, ENV | {"COMPUTE": "sentimant=local"})
    except SettingsError as error:
        refused = str(error)
    driver = make_driver(settings, storage)
    made = {
        "driver": driver,
        "storage": storage,
        "settings": settings,
        "intake": make_intake(settings, storage, driver),
    }
    for module in (dependencies, runs, scoring, uploads):
        for name, value in made.items():
            if hasattr(module, name):
                patch.object(module, name, lambda value=value: value).start()
    asked = call(runs.start_run, workload="sentiment", text="a.txt", words=7)
    run = driver.store.load(asked["id"])[0]
    storage.data("texts").put("b.txt", b"well")
    event = {
        "subject": "/blobServices/default/containers/texts/blobs/b.txt",
        "eventType": "Microsoft.Storage.BlobCreated",
        "data": {},
    }
    uploads.start_uploaded(func.QueueMessage(body=json.dumps(event).encode()))
    (uploaded,) = driver.store.ids("sentiment-b-")
    scoring.start_due_runs(func.TimerRequest())
    storage.data("moods").put("a.txt", b"glad")
    ended = replace(run, state=State.SUCCEEDED)
    with redirect_stdout(StringIO()) as printed, patch.dict("os.environ", ENV):
        code = main(IMAGES, ["--image", "sentiment"])
    pools = batch_service(settings, Clock(), "https://127.0.0.1:1", folder, 1.0).account.pools
    schemas = document(OPERATIONS)
    return {
        "refused": refused,
        "price": str(settings.price_of("sentiment")),
        "compute": type(driver.computes["sentiment"]).__name__,
        "asked": asked["params"],
        "tasks": [task.command for task in driver.workloads["sentiment"].plan(run.id, run.params)],
        "uploaded": driver.store.load(uploaded)[0].params,
        "due": sorted(driver.store.ids("sentiment-due")),
        "unknown": call(runs.start_run, workload="sentimant")["detail"],
        "outputs": [output.name for output in outputs_of(ended, storage, settings.data_storage)],
        "request": schemas["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]["schema"],
        "schema": schemas["components"]["schemas"]["TextRequest"]["properties"]["workload"],
        "pool": [code, json.loads(printed.getvalue())["properties"]["vmSize"]],
        "looks": [name for name, _ in AzureChecks(settings, AzureRest("https://management.azure.com")).looks()],
        "pools": list(pools),
    }


if __name__ == "__main__":
    declare()
    print(json.dumps(facts(Path(sys.argv[1]))))
