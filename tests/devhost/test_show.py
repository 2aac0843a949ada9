"""What a person is told at the start fits a terminal of 80 columns: addresses whole, the next step named."""

import pytest

from devhost import show
from devhost.function import Binding, FunctionInfo
from devhost.host_json import HostOptions

ROUTE = "v2/models/{model}/versions/{version}/infer"
ADDRESS = f"POST http://127.0.0.1:7071/api/{ROUTE}"


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> list[str]:
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    trigger = Binding("req", "httpTrigger", "in", {"route": ROUTE, "methods": ["POST"], "authLevel": "function"})
    function = FunctionInfo("infer_model_version", "f", trigger, ())
    show.show(show.functions_table([function], HostOptions(), 7071))
    return capsys.readouterr().out.splitlines()


def test_no_address_is_cut_or_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(monkeypatch, capsys, 80)
    assert [line.strip() for line in lines if "http:" in line] == [ADDRESS]
    assert max(map(len, lines)) <= 80
    assert any("infer_model_version" in line and "function key" in line for line in lines)


def test_a_wide_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = (line for line in shown(monkeypatch, capsys, 160) if "http:" in line)
    assert ADDRESS in line
    assert "infer_model_version" in line


def test_the_next_step_is_named_within_80_columns() -> None:
    text = show.next_steps(7071)
    assert "tally import" in text
    assert "http://127.0.0.1:7071/api/docs" in text
    assert "docs/local-host.md" in text
    assert max(map(len, text.splitlines())) <= 80
