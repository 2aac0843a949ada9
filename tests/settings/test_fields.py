"""Settings are read once, checked at the edge, and say which one is wrong."""

from dataclasses import fields

import pytest

from shared.errors import SettingsError
from shared.price import Price
from shared.settings import Connection, Settings


def test_defaults_stand_where_nothing_is_set() -> None:
    assert Settings.from_env({}) == Settings()


def test_numbers_and_switches_are_read() -> None:
    settings = Settings.from_env({"WINDOW_SECONDS": "10", "PREDICTIONS_CSV": "true"})
    assert (settings.window_seconds, settings.predictions_csv) == (10, True)


NO_COUNTS = ("0", "-1", "1_000", "+5", "1e3", "5.0", "٣", "² ", "0x10", "five", "9" * 50)


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
        *(("NODE_PRICE", f"{number} EUR") for number in ("nan", "inf", "1_0", "1e3", "٣", "-1", "+1", "9" * 400)),
        ("COMPUTE", "azure_ml, azure_batch"),
        ("COMPUTE", "style=azure_ml,style=local"),
        ("NODE_PRICE", "1 EUR, 2 EUR"),
        ("QUEUE_LIMIT", "1"),
        *(
            (name, text)
            for name in ("PARTITION_COUNT", "BATCH_SIZE", "POLL_SECONDS", "TASK_SECONDS")
            for text in NO_COUNTS
        ),
        ("PARTITION_COUNT", "1025"),
        ("STYLE_CRF", "52"),
        ("ERROR_BUDGET_PERCENT", "101"),
        ("BODY_BYTES", "104857601"),
        ("SCORING_SCHEDULE", "0 5 * *"),
        ("SCORING_SCHEDULE", "0 0 22-2 * * *"),
        ("FLUSH_SCHEDULE", "0 * * * * *\n"),
        ("SWEEP_SCHEDULE", "00:00:00"),
        ("EVENT_HUB_NAME", "my hub"),
        ("EVENT_HUB_NAME", "readings\n"),
        ("EVENT_HUB_CONSUMER_GROUP", "$default "),
        ("STYLE", "../wave"),
        ("STRICT_VIDEO", "maybe"),
        ("BATCH_ENDPOINT", "account.westeurope.batch.azure.com"),
        ("BATCH_ENDPOINT", "http://account.westeurope.batch.azure.com"),
        ("BATCH_ENDPOINT", "https://"),
        ("AML_ENDPOINT", "https://a b"),
        ("BATCH_IMAGE", "tally-{image}:1"),
        ("AML_IMAGE", "r.azurecr.io/tally-{name}:1"),
        ("BATCH_POOL", "tally-{images}"),
        ("AML_COMPUTE", "tally image"),
        ("BATCH_IDENTITY", "tally-nodes"),
        ("AML_WORKSPACE", "/subscriptions/s/resourceGroups/g"),
        ("BATCH_VM_SIZE", "Standard D4"),
        ("BATCH_MOUNTS", "models"),
        ("DataStorage", "nonsense"),
        ("ControlStorage__blobServiceUri", "http://a.blob.core.windows.net"),
        ("EventHubs__fullyQualifiedNamespace", "sb://ns.servicebus.windows.net/"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_env({name: value})
    assert refused.value.hint


def test_all_that_is_wrong_is_said_at_once_and_no_secret() -> None:
    wrong = {
        "PARTITION_COUNT": "0",
        "STYLE_CRF": "99",
        "SCORING_SCHEDULE": "hourly",
        "DataStorage": "AccountName=a;AccountKey=topsecret!",
        "EVENT_HUB_NAME": "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=topsecret!",
        "NODE_PRICE": "cheap",
    }
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(wrong)
    said = str(refused.value)
    assert all(name in said for name in wrong)
    assert "topsecret!" not in said
    assert "6 settings" in said


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("partition_count", " 8\n", 8),
        ("partition_count", "08", 8),
        ("strict_video", " On ", True),
        ("strict_video", "off", False),
        ("style", " wave ", "wave"),
        ("style", "", "wave"),
        ("batch_size", "  ", 16),
        ("batch_endpoint", "https://a.westeurope.batch.azure.com/", "https://a.westeurope.batch.azure.com"),
        ("batch_pool", "tally-{image}", "tally-{image}"),
        ("scoring_schedule", "01:00:00", "01:00:00"),
    ],
)
def test_what_people_type_is_taken_where_it_is_plain(name: str, text: str, value: object) -> None:
    assert getattr(Settings.from_env({env_name(name): text}), name) == value


def env_name(name: str) -> str:
    return next(field.metadata["env"] for field in fields(Settings) if field.name == name)


def test_every_default_fits_its_own_rule() -> None:
    rules = [field for field in fields(Settings) if "rule" in field.metadata]
    assert [field.metadata["rule"](str(field.default)) for field in rules] == [field.default for field in rules]


def test_a_connection_is_a_string_or_addresses_for_an_identity() -> None:
    keyed = Connection.from_env("DataStorage", {"DataStorage": "AccountName=a"})
    keyless = Connection.from_env("DataStorage", {"DataStorage__blobServiceUri": "https://a.blob.core.windows.net"})
    assert (keyed.string, keyless.blob_uri) == ("AccountName=a", "https://a.blob.core.windows.net")


def test_a_key_is_not_shown() -> None:
    assert "c2VjcmV0" not in repr(Settings.from_env({"DataStorage": "AccountName=a;AccountKey=c2VjcmV0"}))


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
