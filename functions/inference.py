"""The triggers that speak the Open Inference Protocol (v2), for clients such as Triton's and MLServer's."""

from http import HTTPStatus
from typing import Annotated, Any

import azure.functions as func
import msgspec

from functions.dependencies import models, settings
from functions.web.health import looked_at
from functions.web.http import body, caller, endpoint, json_answer, media_type
from functions.web.inference.metadata import ModelMetadata, ModelReady, ServerLive, ServerMetadata, ServerReady
from functions.web.inference.request import HEADER_LENGTH, InferenceRequest
from functions.web.inference.response import InferenceResponse
from functions.web.inference.serving import describe, infer
from shared.errors import NotFound, UnsupportedType
from shared.models import MODELS
from shared.serving.datatypes import shown
from shared.serving.served import Served

blueprint = func.Blueprint()

BINARY = "application/octet-stream"
SERVER = ServerMetadata("tally", "1")
NAMES = [model.name for model in MODELS]
Model = Annotated[str, msgspec.Meta(description=f"{' or '.join(NAMES)}.", examples=NAMES[:1])]
Version = Annotated[str, msgspec.Meta(description="The version that `GET /v2/models/{model}` names.", examples=["0"])]
PATH: dict[str, Any] = {"model": Model, "version": Version}
INFERENCE: dict[str, Any] = {
    "path": PATH,
    "request": InferenceRequest,
    "example": {
        "inputs": [{"name": "question", "shape": [1], "datatype": "BYTES", "data": ["What does it cost?"]}],
        "parameters": {"top_k": 1},
    },
    "uploads": (BINARY,),
    "headers": {HEADER_LENGTH: Annotated[int, msgspec.Meta(ge=0)]},
    "answer": InferenceResponse,
    "downloads": (BINARY,),
    "sends": (HEADER_LENGTH,),
    "problems": (404,),
}


@endpoint(blueprint, "GET", "v2", answer=ServerMetadata)
async def show_server(req: func.HttpRequest) -> func.HttpResponse:
    """What this server is, and which extensions of the Open Inference Protocol it speaks."""
    return json_answer(SERVER)


@endpoint(blueprint, "GET", "v2/health/live", answer=ServerLive, key=False)
async def server_live(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the process answers."""
    return json_answer(ServerLive())


@endpoint(blueprint, "GET", "v2/health/ready", answer=ServerReady, key=False, statuses=(200, 503))
async def server_ready(req: func.HttpRequest) -> func.HttpResponse:
    """Whether every model answers; 503 where one does not. The first call loads them."""
    found = await looked_at(models().values())
    is_ready = found.status != "unavailable"
    return json_answer(ServerReady(is_ready), HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)


@endpoint(blueprint, "GET", "v2/models/{model}", path=PATH, answer=ModelMetadata, problems=(503,))
async def show_model(req: func.HttpRequest) -> func.HttpResponse:
    """What a model takes and gives."""
    return json_answer(await describe(_model(req), _version(req)))


@endpoint(blueprint, "GET", "v2/models/{model}/versions/{version}", path=PATH, answer=ModelMetadata, problems=(503,))
async def show_model_version(req: func.HttpRequest) -> func.HttpResponse:
    """What a version of a model takes and gives."""
    return json_answer(await describe(_model(req), _version(req)))


@endpoint(blueprint, "GET", "v2/models/{model}/ready", path=PATH, answer=ModelReady, problems=(503,))
async def model_ready(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a model answers."""
    return json_answer(ModelReady((await describe(_model(req))).name))


@endpoint(blueprint, "GET", "v2/models/{model}/versions/{version}/ready", path=PATH, answer=ModelReady, problems=(503,))
async def model_version_ready(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a version of a model answers."""
    return json_answer(ModelReady((await describe(_model(req), _version(req))).name))


@endpoint(blueprint, "POST", "v2/models/{model}/infer", **INFERENCE)
async def infer_model(req: func.HttpRequest) -> func.HttpResponse:
    """What a model gives for a batch of inputs; tensors in JSON, or in binary after it.

    A request may have as many rows as half of QUEUE_LIMIT: 64 unless set.
    """
    return await _inferred(req)


@endpoint(blueprint, "POST", "v2/models/{model}/versions/{version}/infer", **INFERENCE)
async def infer_model_version(req: func.HttpRequest) -> func.HttpResponse:
    """What a version of a model gives for a batch of inputs; tensors in JSON, or in binary after it."""
    return await _inferred(req)


async def _inferred(req: func.HttpRequest) -> func.HttpResponse:
    model, limit = _model(req), settings().body_bytes
    if media_type(req) not in ("", "application/json", BINARY):
        raise UnsupportedType(
            f"The body is said to be {shown(media_type(req))}.", f"Send application/json or {BINARY}."
        )
    data = body(req, limit)
    size = req.headers.get(HEADER_LENGTH, "")
    answer = await infer(model, _version(req), data, size, settings().queue_limit // 2, caller(req))
    return func.HttpResponse(answer.body, headers=answer.headers, mimetype=answer.media_type)


def _model(req: func.HttpRequest) -> Served[Any, Any, Any]:
    name = req.route_params["model"]
    try:
        return models()[name]
    except KeyError:
        raise NotFound(f"There is no model {shown(name)}.", f"There are {' and '.join(models())}.") from None


def _version(req: func.HttpRequest) -> str:
    return str(req.route_params.get("version", ""))
