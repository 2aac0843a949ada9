import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devhost.app_settings import read_settings, switched_on
from devhost.host_json import QueueOptions, parse_span, read_host_json
from shared.errors import SettingsError


def written(folder: Path, document: Any) -> Path:
    (folder / "host.json").write_text(json.dumps(document))
    return folder


def test_what_host_json_leaves_out_is_as_on_the_real_host(tmp_path: Path) -> None:
    options = read_host_json(written(tmp_path, {"version": "2.0"}))
    assert options.route_prefix == "api"
    assert options.queues == QueueOptions(16, 8, 5, 0.0, 60.0, base64=True)
    assert (options.event_hubs.max_batch_size, options.event_hubs.prefetch) == (100, 300)


def test_queues_and_hubs_are_read(tmp_path: Path) -> None:
    queues = {"batchSize": 8, "visibilityTimeout": "00:00:30", "messageEncoding": "none"}
    hubs = {"maxEventBatchSize": 1000, "initialOffsetOptions": {"type": "fromEnd"}}
    options = read_host_json(written(tmp_path, {"extensions": {"queues": queues, "eventHubs": hubs}}))
    assert options.queues == QueueOptions(8, 4, 5, 30.0, 60.0, base64=False)
    assert (options.event_hubs.max_batch_size, options.event_hubs.from_end) == (1000, True)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"extensions": {"queues": {"batchSize": 33}}}, "batchSize"),
        ({"extensions": {"queues": {"batchSize": "8"}}}, "batchSize"),
        ({"extensions": {"queues": {"messageEncoding": "rot13"}}}, "messageEncoding"),
        ({"functionTimeout": "soon"}, "soon"),
        ({"extensions": []}, "host.json"),
        ([], "host.json"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(document: Any, name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=name):
        read_host_json(written(tmp_path, document))


def test_an_absent_or_broken_host_json_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no .*host\.json"):
        read_host_json(tmp_path)
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(SettingsError, match=r"not a host\.json: line 1"):
        read_host_json(tmp_path)


def test_comments_and_marks_are_read_over(tmp_path: Path) -> None:
    text = '\ufeff{"version": "2.0", // mine\n"extensions": {"http": {"routePrefix": ""}, /* more */},}'
    (tmp_path / "host.json").write_text(text)
    assert read_host_json(tmp_path).route_prefix == ""


def test_spans_are_read_as_dotnet_does() -> None:
    assert parse_span("00:00:00.2") == timedelta(milliseconds=200)
    assert parse_span("2.03:04:05") == timedelta(days=2, hours=3, minutes=4, seconds=5)
    with pytest.raises(ValueError, match="too large"):
        parse_span("24:00:00")


def test_the_environment_wins_over_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {"A": "file", "B": "file"}}))
    settings = read_settings(tmp_path, file, {"B": "environment"})
    assert (settings["A"], settings["B"]) == ("file", "environment")
    assert settings["PYTHON_THREADPOOL_THREAD_COUNT"] == "4"


@pytest.mark.parametrize("text", ["{", '{"Values": []}', "[]"])
def test_a_settings_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match="not a settings file"):
        read_settings(tmp_path, file, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path, tmp_path / "absent.json", {})


def test_a_switch_is_on_or_off_and_nothing_else() -> None:
    assert switched_on({"S": "Off"}, "S", default=True) is False
    assert switched_on({}, "S", default=True) is True
    with pytest.raises(SettingsError, match="neither true nor false"):
        switched_on({"S": "maybe"}, "S", default=True)
