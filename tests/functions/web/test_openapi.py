"""The API's document says what the routes take and answer, from the very types that validate."""

import json
from collections.abc import Iterator
from typing import Annotated

import jsonschema_rs
import msgspec
import openapi_spec_validator
import pytest

import function_app  # noqa: F401 declares every endpoint
from functions.web.docs_page import page
from functions.web.http import OPERATIONS
from functions.web.openapi import Operation, document


class Asked(msgspec.Struct):
    """A question."""

    text: Annotated[str, msgspec.Meta(max_length=5)]


class Answer(msgspec.Struct):
    number: int


OPERATION = Operation(
    "PUT",
    "api/things/{id}",
    "put_thing",
    "Puts a thing.\n\n    And more\n    of it.",
    Answer,
    request=Asked,
    example={"text": "Why?"},
    path={"id": Annotated[str, msgspec.Meta(examples=["one"])]},
    query={"limit": Annotated[int, msgspec.Meta(ge=1)]},
)


def test_a_route_becomes_an_operation_with_its_types() -> None:
    told = document([OPERATION])
    put = told["paths"]["/api/things/{id}"]["put"]
    assert (put["operationId"], put["summary"], put["description"]) == ("put_thing", "Puts a thing.", "And more of it.")
    assert [(each["name"], each["in"]) for each in put["parameters"]] == [("id", "path"), ("limit", "query")]
    asked = {"schema": {"$ref": "#/components/schemas/Asked"}, "example": {"text": "Why?"}}
    assert put["requestBody"]["content"] == {"application/json": asked}
    assert set(put["responses"]) == {"200", "400", "401", "404", "413", "415", "422", "429", "503"}
    sent = {status: set(answer.get("headers", {})) - {"x-request-id"} for status, answer in put["responses"].items()}
    assert (sent["415"], sent["429"], sent["422"]) == ({"Accept-Encoding"}, {"Retry-After"}, set())
    assert told["components"]["schemas"]["Asked"]["properties"]["text"]["maxLength"] == 5


def test_a_route_that_needs_no_key_says_so() -> None:
    anonymous = Operation("GET", "api/live", "live", "", Answer, key=False)
    live = document([anonymous])["paths"]["/api/live"]["get"]
    assert live["security"] == []
    assert set(live["responses"]) == {"200"}


@pytest.fixture(scope="module")
def api() -> dict[str, object]:
    """The document of the app, as a client reads it."""
    told: dict[str, object] = json.loads(msgspec.json.encode(document(OPERATIONS)))
    return told


def test_every_schema_of_the_app_is_one(api: dict[str, dict[str, dict[str, object]]]) -> None:
    schemas = api["components"]["schemas"]
    for name in schemas:
        whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
        jsonschema_rs.validator_for(whole)


def test_every_operation_has_a_sentence_and_a_name_of_its_own(api: dict[str, dict[str, dict[str, object]]]) -> None:
    operations = [operation for methods in api["paths"].values() for operation in methods.values()]
    assert all(operation["summary"] for operation in operations)  # type: ignore[index]
    assert len({operation["operationId"] for operation in operations}) == len(operations)  # type: ignore[index]


def test_the_page_names_every_route_and_type_and_escapes_what_it_shows(
    api: dict[str, dict[str, dict[str, object]]],
) -> None:
    text = page(api)
    assert all(f"</b> {path}</a>" in text for path in api["paths"])
    assert all(f"id={name}>" in text for name in api["components"]["schemas"])
    hostile = Operation("GET", "api/x", "x", "<script>alert(1)</script>", Answer)
    assert "<script>" not in page(document([hostile]))


def test_the_document_is_valid(api: dict[str, dict[str, dict[str, object]]]) -> None:
    openapi_spec_validator.validate(api)


def parts(value: object) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(one)


def test_every_schema_is_one_that_generators_understand(api: dict[str, dict[str, dict[str, object]]]) -> None:
    schemas = [part for part in parts(api) if "type" in part]
    assert all("items" in schema and "default" not in schema for schema in schemas if schema["type"] == "array")
    assert not [
        schema for schema in parts(api["components"]["schemas"]) if "default" in schema or "prefixItems" in schema
    ]
    times = api["components"]["schemas"]["SpanRequest"]["properties"]
    assert times["start"]["format"] == times["end"]["format"] == "date-time"  # type: ignore[index]


def test_what_a_faq_entry_may_be_is_the_same_where_it_is_sent_and_where_it_is_kept(
    api: dict[str, dict[str, dict[str, object]]],
) -> None:
    sent, kept = (api["components"]["schemas"][name]["properties"] for name in ("FaqEntry", "Entry"))
    assert sent == {name: kept[name] for name in ("question", "answer", "also")}  # type: ignore[index]
    assert (sent["answer"]["maxLength"], sent["also"]["maxItems"]) == (100_000, 200)  # type: ignore[index]
