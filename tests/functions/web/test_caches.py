"""What a cache, a monitor and a browser rely on: who may keep an answer, HEAD, the methods of a route."""

import json
from collections.abc import Iterator

import pytest

import function_app  # noqa: F401 declares every endpoint
from functions.web.http import OPERATIONS
from tests.functions.web.inference.app import App, running

OPEN = {"show_openapi", "show_docs"}
"""What is the same for all."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app


def path(route: str) -> str:
    return "/" + route.replace("{model}", "faq").replace("{version}", "0").replace("{id}", "nothing")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_cache_keeps_an_answer_that_not_all_may_see(app: App, operation: object) -> None:
    answer = app.send(operation.method, path(operation.route))  # type: ignore[attr-defined]
    kept = operation.name in OPEN  # type: ignore[attr-defined]
    assert answer.headers["cache-control"] == ("no-cache" if kept else "no-store")
    assert ("etag" in answer.headers) == kept


@pytest.mark.parametrize("route", ["/api/docs", "/api/openapi.json"])
def test_what_all_may_see_is_asked_for_again_only_where_it_changed(app: App, route: str) -> None:
    first = app.send("GET", route)
    again = app.send("GET", route, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (first.status, again.status, again.body) == (200, 304, b"")
    for name in ("etag", "content-type"):  # a cache puts what a 304 says in the place of what it has
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.method == "GET"], ids=lambda one: one.name)
def test_head_answers_as_get_does_without_a_body(app: App, operation: object) -> None:
    here = path(operation.route)  # type: ignore[attr-defined]
    get, head = app.send("GET", here), app.send("HEAD", here)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/health/live", "GET, HEAD"),
        ("GET", "/api/score/faq", "POST"),
        ("PATCH", "/api/faq/a", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/api/runs", "GET, HEAD, POST"),
        ("GET", "/score/", "POST"),
        ("PUT", "/V2", "GET, HEAD"),
        ("GET", "/v2/models/faq/infer", "POST"),
    ],
)
def test_another_method_is_405_and_says_which_are_taken(app: App, method: str, path: str, allowed: str) -> None:
    answer = app.send(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert json.loads(answer.body)["hint"] == f"Use {allowed}."
    assert app.send("OPTIONS", path).headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v2/models/faq/config", "/v2/repository/index", "/v2/models//infer", "/api/nothing"])
def test_an_unknown_route_is_said_in_the_words_of_the_protocol(app: App, path: str) -> None:
    answer = app.send("POST", path, b"{}")
    assert (answer.status, path in json.loads(answer.body)["error"]) == (404, True)


def test_the_page_links_to_the_document_with_or_without_a_slash(app: App) -> None:
    assert b"href=openapi.json>" in app.send("GET", "/api/docs").body
    assert b"href=../openapi.json>" in app.send("GET", "/api/docs/").body
