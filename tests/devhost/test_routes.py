import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.function import Binding, FunctionInfo
from devhost.routes import Routes, compile_route
from shared.errors import SettingsError


def http(route: str, *methods: str, name: str = "f") -> FunctionInfo:
    values = {"route": route, "methods": list(methods), "authLevel": "ANONYMOUS"}
    return FunctionInfo(name, name, Binding("req", "httpTrigger", "in", values), ())


def parameters(route: str, path: str) -> dict[str, str] | None:
    match = Routes.of([http(route)]).match("GET", path)
    return match.parameters if match else None


@pytest.mark.parametrize(
    ("route", "path", "found"),
    [
        ("runs", "runs", {}),
        ("runs", "RUNS/", {}),
        ("runs", "runs//", None),
        ("runs", "//runs", None),
        ("runs", "runs/1", None),
        ("runs/{id}", "runs/a%2Fb", {"id": "a/b"}),
        ("runs/{id}", "runs/100%41", {"id": "100%41"}),
        ("files/{*path}", "files/a\nb", {"path": "a\nb"}),
        ("runs/{id:int}", "runs/-12", {"id": "-12"}),
        ("runs/{id:int}", "runs/2147483648", None),
        ("runs/{id:long}", "runs/2147483648", {"id": "2147483648"}),
        ("runs/{id:guid}", "runs/6b2cb4e6-ff56-4de2-92a3-3b731c933e0e", {"id": "6b2cb4e6-ff56-4de2-92a3-3b731c933e0e"}),
        ("runs/{id:alpha:length(2,3)}", "runs/abc", {"id": "abc"}),
        ("runs/{id:alpha:length(2,3)}", "runs/abcd", None),
        ("runs/{n:range(1,5)}", "runs/6", None),
        ("runs/{n:min(3)}", "runs/3", {"n": "3"}),
        ("runs/{b:bool}", "runs/True", {"b": "True"}),
        ("runs/{d:datetime}", "runs/2025-01-02", {"d": "2025-01-02"}),
        (r"runs/{id:regex(^\d{{2}}$)}".replace("{{", "{").replace("}}", "}"), "runs/12", {"id": "12"}),
        ("runs/{id?}", "runs", {}),
        ("runs/{id?}", "runs/7", {"id": "7"}),
        ("runs/{page:int=1}", "runs", {"page": "1"}),
        ("files/{*path}", "files/a/b/c", {"path": "a/b/c"}),
        ("files/{*path}", "files", {}),
        ("plot-{id:int}.png", "plot-3.png", {"id": "3"}),
        ("plot-{id:int}.png", "plot-x.png", None),
    ],
)
def test_a_template_matches_as_the_real_host_reads_it(route: str, path: str, found: dict[str, str] | None) -> None:
    assert parameters(route, path) == found


def test_the_first_route_that_fits_wins_in_the_order_of_the_functions_names() -> None:
    routes = [
        http("runs/latest", name="b_latest"),
        http("runs/{id:int}", name="A_number"),
        http("runs/{id}", name="c_any"),
        http("{*all}", name="Z"),
    ]
    for listed in (routes, routes[::-1]):
        table = Routes.of(listed)
        for path, name in [
            ("runs/latest", "b_latest"),
            ("runs/7", "A_number"),
            ("runs/x", "c_any"),
            ("other/x", "Z"),
        ]:
            match = table.match("GET", path)
            assert match is not None
            assert match.function.name == name
    hidden = Routes.of([http("runs/{id}", name="a_any"), http("runs/latest", name="b_latest")]).match(
        "GET", "runs/latest"
    )
    assert hidden is not None
    assert hidden.function.name == "a_any"


def test_the_same_route_may_serve_each_method_by_another_function() -> None:
    table = Routes.of([http("runs", "GET", name="list"), http("runs", "POST", name="start")])
    post = table.match("POST", "runs")
    assert post is not None
    assert post.function.name == "start"
    assert table.match("DELETE", "runs") is None


@pytest.mark.parametrize("route", ["runs/{id:colour}", "runs/{id", "runs/{id:length(x)}"])
def test_a_template_that_makes_no_sense_is_refused(route: str) -> None:
    with pytest.raises(SettingsError, match="route"):
        compile_route(http(route))


@given(st.text(max_size=30))
def test_no_path_breaks_the_router(path: str) -> None:
    Routes.of([http("runs/{id:int}"), http("x/{a:datetime?}"), http("{n:decimal}/{*rest}")]).match("GET", path)
