"""Errors as every HTTP client gets them: problem details (RFC 9457), with a hint and the request's id."""

from http import HTTPStatus

import msgspec

from shared.errors import (
    BundleError,
    Conflict,
    InvalidInput,
    Malformed,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    SettingsError,
    TallyError,
    TooLarge,
    TooManyRequests,
    Transient,
    UnsupportedEncoding,
    UnsupportedType,
    WrongState,
)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
_STATUS: tuple[tuple[type[TallyError], HTTPStatus], ...] = (  # the first that fits
    (BundleError, HTTPStatus.SERVICE_UNAVAILABLE),  # the server's, not the caller's
    (SettingsError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (Malformed, HTTPStatus.BAD_REQUEST),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (UnsupportedType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (WrongState, HTTPStatus.CONFLICT),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, HTTPStatus.NOT_FOUND),
    (MethodNotAllowed, HTTPStatus.METHOD_NOT_ALLOWED),
    (PreconditionFailed, HTTPStatus.PRECONDITION_FAILED),
    (Conflict, HTTPStatus.CONFLICT),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (Transient, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Problem(msgspec.Struct, frozen=True):
    """What went wrong with a request, and what to do; `error` is what clients of the Open Inference Protocol show."""

    title: str
    status: int
    detail: str
    hint: str
    error: str
    request_id: str


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem of an error; one that nobody raised on purpose says nothing of the inside."""
    if not isinstance(error, TallyError):
        error = TallyError("Something went wrong here.", "The log tells more of the request with this id.")
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    return Problem(status.phrase, status, error.message, error.hint, str(error), request_id)


def headers_of(error: Exception, status: int) -> dict[str, str]:
    """What the answer's header says of an error."""
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return {"Retry-After": str(RETRY_SECONDS)}
    if isinstance(error, UnsupportedEncoding):
        return {"Accept-Encoding": "gzip, deflate"}  # RFC 9110, 12.5.3
    return {"Allow": error.allowed} if isinstance(error, MethodNotAllowed) else {}
