"""The triggers that answer within milliseconds: FAQ matching and image classification over HTTP."""

from http import HTTPStatus
from typing import Annotated

import azure.functions as func
import msgspec

from functions.dependencies import faq, images, settings
from functions.web import base64_text
from functions.web.forms import read_form
from functions.web.http import (
    JSON,
    Tags,
    body,
    caller,
    endpoint,
    json_answer,
    media_type,
    preconditions,
    read_json,
    read_query,
    read_text,
)
from functions.web.reference import ReferenceAnswer, ReferenceRequest, reference_answer
from shared.errors import InvalidInput, UnsupportedType
from shared.faq_matching.entries import Entry, Id
from shared.faq_matching.model import FaqRequest
from shared.faq_matching.service import EntryId, FaqAnswer, FaqChanged, FaqEntry, entry_etag
from shared.image_classification.service import ImageAnswer, ImageForm, ImageRequest
from shared.serving.answers import BEST, TopK

blueprint = func.Blueprint()
QUERY = {"top_k": TopK}
ShownId = Annotated[Id, msgspec.Meta(examples=["what-is-tally"])]
RemovedId = Annotated[Id, msgspec.Meta(examples=["example"])]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
"""A picture of one white pixel."""


@endpoint(
    blueprint,
    "POST",
    "api/score/faq",
    request=FaqRequest,
    example={"question": "What does it cost?", "top_k": 1},
    query=QUERY,
    answer=FaqAnswer,
)
async def score_faq(req: func.HttpRequest) -> func.HttpResponse:
    """The entries of the FAQ that answer a question."""
    asked = read_json(req, FaqRequest, settings().body_bytes, QUERY)
    return json_answer(await faq().answer(asked, caller(req)))


@endpoint(
    blueprint,
    "GET",
    "api/faq/{id}",
    path={"id": ShownId},
    headers={"If-None-Match": Tags},
    answer=Entry,
    sends=("ETag",),
    empty=(304,),
)
def show_faq_entry(req: func.HttpRequest) -> func.HttpResponse:
    """One entry of the FAQ."""
    entry = faq().get(req.route_params["id"])
    etag = entry_etag(entry)
    if preconditions(req).known(etag):
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag}, mimetype=JSON)
    return json_answer(entry, headers={"ETag": etag})


@endpoint(
    blueprint,
    "PUT",
    "api/faq/{id}",
    path={"id": EntryId},
    headers={"If-Match": Tags, "If-None-Match": Tags},
    request=FaqEntry,
    example={"question": "Where do penguins buy?", "answer": "At the iceberg.", "also": ["penguin shop"]},
    answer=FaqChanged,
    statuses=(200, 201),
    sends=("ETag",),
    problems=(412,),
)
def put_faq_entry(req: func.HttpRequest) -> func.HttpResponse:
    """Put an entry into the FAQ (201), or another in its place.

    With If-Match only in the place of the version that its ETag names, with `If-None-Match: *` only where none is.
    """
    entry = read_json(req, FaqEntry, settings().body_bytes)
    put = faq().put(req.route_params["id"], entry, preconditions(req))
    return json_answer(put.changed, HTTPStatus.CREATED if put.new else HTTPStatus.OK, {"ETag": put.etag})


@endpoint(
    blueprint,
    "DELETE",
    "api/faq/{id}",
    path={"id": RemovedId},
    headers={"If-Match": Tags},
    answer=FaqChanged,
    problems=(412,),
)
def remove_faq_entry(req: func.HttpRequest) -> func.HttpResponse:
    """Remove an entry from the FAQ; with If-Match only the version that its ETag names."""
    return json_answer(faq().remove(req.route_params["id"], preconditions(req)))


@endpoint(
    blueprint,
    "POST",
    "api/score/image",
    request=ImageRequest,
    example={"image": PIXEL, "top_k": 1},
    form=ImageForm,
    uploads=("image/*", "application/octet-stream"),
    query=QUERY,
    answer=ImageAnswer,
)
async def score_image(req: func.HttpRequest) -> func.HttpResponse:
    """The labels that fit an image: the body itself, the part `image` of a form, or base64 in JSON."""
    image, top_k = _image_request(req)
    return json_answer(await images().answer(image, top_k, caller(req)))


@endpoint(
    blueprint,
    "POST",
    "score",
    request=ReferenceRequest,
    example={"input": "What does it cost?"},
    answer=ReferenceAnswer,
)
async def score(req: func.HttpRequest) -> func.HttpResponse:
    """A question or images, asked and answered in the shape of Microsoft's reference architectures."""
    asked = read_json(req, ReferenceRequest, settings().body_bytes)
    return json_answer(await reference_answer(asked, faq(), images(), caller(req)))


def _image_request(req: func.HttpRequest) -> tuple[bytes, int]:
    """The file and how many labels. Raises UnsupportedType, or what is wrong with the request."""
    kind, limit = media_type(req), settings().body_bytes
    if kind == JSON:
        asked = read_json(req, ImageRequest, limit, QUERY)
        return base64_text.decode(asked.image), asked.top_k
    top_k = read_query(req, "top_k", TopK)
    data = body(req, limit)
    if kind == "multipart/form-data":
        parts = read_form(req.headers["content-type"], data)
        if "image" not in parts:
            raise InvalidInput(f"The form has no part `image`, but {[name[:40] for name in parts]}.", "See /api/docs.")
        text = parts.get("top_k", b"").decode(errors="replace")  # a browser sends a field that nobody filled in
        data, within = parts["image"], read_text("top_k", text, TopK) if text else None
        if within and top_k and within != top_k:
            raise InvalidInput(f"top_k is {top_k} in the query and {within} in the form.", "Send one of them.")
        top_k = within or top_k
    elif not (kind.startswith("image/") or kind in ("", "application/octet-stream")):
        raise UnsupportedType(
            f"The body is said to be {kind}.", "Send image/*, multipart/form-data or application/json."
        )
    return base64_text.decode_if(data), top_k or BEST
