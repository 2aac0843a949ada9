"""Settings are read once, checked at the edge, and say which one is wrong."""

import json
from pathlib import Path

import pytest

from shared.errors import SettingsError
from shared.price import Price
from shared.settings import Connection, Settings, load_local_settings


def test_defaults_stand_where_nothing_is_set() -> None:
    assert Settings.from_env({}) == Settings()


def test_numbers_and_switches_are_read() -> None:
    settings = Settings.from_env({"WINDOW_SECONDS": "10", "PREDICTIONS_CSV": "true"})
    assert (settings.window_seconds, settings.predictions_csv) == (10, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WINDOW_SECONDS", "five"),
        ("WINDOW_SECONDS", "7"),
        ("WINDOW_SECONDS", "0"),
        ("FILE_SECONDS", "61"),
        ("SCORING_SPAN_SECONDS", "90"),
        ("IDLE_SECONDS", "-1"),
        ("PREDICTIONS_CSV", "perhaps"),
        ("COMPUTE", "azure"),
        ("COMPUTE", "anomaly=azure_batch,style=azure"),
        ("COMPUTE", "local;azure_ml"),
        ("NODE_PRICE", "0.23"),
        ("NODE_PRICE", "cheap EUR"),
        ("NODE_PRICE", "anomaly=-1 EUR"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({name: value})


def test_a_connection_is_a_string_or_addresses_for_an_identity() -> None:
    keyed = Connection.from_env("DataStorage", {"DataStorage": "AccountName=a"})
    keyless = Connection.from_env("DataStorage", {"DataStorage__blobServiceUri": "https://a.blob.core.windows.net"})
    assert (keyed.string, keyless.blob_uri) == ("AccountName=a", "https://a.blob.core.windows.net")


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Settings.from_env({"DataStorage": "AccountKey=secret"}))


def test_the_sample_is_read_where_there_is_no_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "local.settings.sample.json").write_text(json.dumps({"Values": {"COMPUTE": "sample"}}))
    assert load_local_settings(tmp_path) == {"COMPUTE": "sample"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": {"COMPUTE": "own"}}))
    assert load_local_settings(tmp_path) == {"COMPUTE": "own"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Values": 3}'])
def test_a_file_that_is_no_settings_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "local.settings.json").write_text(text)
    with pytest.raises(SettingsError, match=r"local\.settings\.json"):
        load_local_settings(tmp_path)


def test_tasks_run_where_compute_says_for_all_or_for_their_workload() -> None:
    def chosen(text: str) -> list[str]:
        settings = Settings.from_env({"COMPUTE": text})
        return [settings.compute_of(workload) for workload in ("anomaly", "style")]

    assert chosen("") == ["local", "local"]
    assert chosen("azure_ml") == ["azure_ml", "azure_ml"]
    assert chosen("style=azure_batch") == ["local", "azure_batch"]
    assert chosen("azure_batch, style=azure_ml") == ["azure_batch", "azure_ml"]


def test_a_price_is_a_number_with_a_currency_for_all_or_by_workload() -> None:
    settings = Settings.from_env({"NODE_PRICE": "0.5 EUR,style=3 USD"})
    assert (settings.price_of("anomaly"), settings.price_of("style")) == (Price(0.5, "EUR"), Price(3, "USD"))
    assert Settings().price_of("anomaly") is None
    assert Price(0.5, "EUR").estimate(360) == "0.05 EUR (estimate: 360 s of a node at 0.5 an hour)"
