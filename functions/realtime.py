"""The triggers that answer within milliseconds: FAQ matching and image classification over HTTP."""

import azure.functions as func
import msgspec

from functions.dependencies import faq, images, settings
from functions.forms import read_form
from functions.http import body, caller, endpoint, json_answer, media_type, read_json
from shared.errors import InvalidInput, UnsupportedType
from shared.models.faq.entries import Entry
from shared.realtime.answers import TopK
from shared.realtime.faq import FaqAnswer, FaqChanged, FaqEntry, FaqRequest
from shared.realtime.image import ImageAnswer, ImageForm, ImageRequest
from shared.realtime.reference import ReferenceAnswer, ReferenceRequest, reference_answer

blueprint = func.Blueprint()


@endpoint(blueprint, "POST", "api/score/faq", request=FaqRequest, answer=FaqAnswer)
async def score_faq(req: func.HttpRequest) -> func.HttpResponse:
    """The entries of the FAQ that answer a question."""
    asked = read_json(req, FaqRequest, settings().body_bytes)
    return json_answer(await faq().answer(asked, caller(req)))


@endpoint(blueprint, "GET", "api/faq/{id}", answer=Entry)
def show_faq_entry(req: func.HttpRequest) -> func.HttpResponse:
    """One entry of the FAQ."""
    return json_answer(faq().get(req.route_params["id"]))


@endpoint(blueprint, "PUT", "api/faq/{id}", request=FaqEntry, answer=FaqChanged)
def put_faq_entry(req: func.HttpRequest) -> func.HttpResponse:
    """Put an entry into the FAQ, or another in its place."""
    return json_answer(faq().put(req.route_params["id"], read_json(req, FaqEntry, settings().body_bytes)))


@endpoint(blueprint, "DELETE", "api/faq/{id}", answer=FaqChanged)
def remove_faq_entry(req: func.HttpRequest) -> func.HttpResponse:
    """Remove an entry from the FAQ."""
    return json_answer(faq().remove(req.route_params["id"]))


@endpoint(
    blueprint,
    "POST",
    "api/score/image",
    request=ImageRequest,
    form=ImageForm,
    uploads=("image/*", "application/octet-stream"),
    query={"top_k": TopK},
    answer=ImageAnswer,
)
async def score_image(req: func.HttpRequest) -> func.HttpResponse:
    """The labels that fit an image: the body itself, the part `image` of a form, or base64 in JSON."""
    asked = _image_request(req)
    return json_answer(await images().answer(asked.image, asked.top_k, caller(req)))


@endpoint(blueprint, "POST", "score", request=ReferenceRequest, answer=ReferenceAnswer)
async def score(req: func.HttpRequest) -> func.HttpResponse:
    """A question or images, asked and answered in the shape of Microsoft's reference architectures."""
    asked = read_json(req, ReferenceRequest, settings().body_bytes)
    return json_answer(await reference_answer(asked, faq(), images(), caller(req)))


def _image_request(req: func.HttpRequest) -> ImageRequest:
    """Raises UnsupportedType, or what is wrong with the body."""
    kind = media_type(req)
    if kind == "application/json":
        return read_json(req, ImageRequest, settings().body_bytes)
    data = body(req, settings().body_bytes)
    asked = dict(req.params)
    if kind == "multipart/form-data":
        asked |= read_form(req.headers["content-type"], data)
    elif kind.startswith("image/") or kind in ("", "application/octet-stream"):
        asked["image"] = data
    else:
        raise UnsupportedType(
            f"The body is said to be {kind}.", "Send image/*, multipart/form-data or application/json."
        )
    try:
        return msgspec.convert(
            {name: asked[name] for name in ("image", "top_k") if name in asked}, ImageRequest, strict=False
        )
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The request is not what is asked for: {error}.", "See /api/docs.") from error
