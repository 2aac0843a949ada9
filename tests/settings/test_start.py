"""What is looked at before anything starts: completeness, spelling, and the app that does not load."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devhost.host import enabled
from devhost.worker import index
from shared.errors import SettingsError
from shared.settings import Settings
from shared.settings.rules import HOST_READS
from shared.settings.spelling import misspelt
from shared.settings.start import check_app, settings_here
from shared.workloads import NAMES

ROOT = Path(__file__).parents[2]
SAMPLE: dict[str, str] = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]


def here(env: dict[str, str]) -> Settings:
    return settings_here(env, NAMES, serving=True)


def test_the_sample_can_be_started_with() -> None:
    here(SAMPLE)


def test_development_storage_everywhere_can_be_started_with() -> None:
    here(SAMPLE | dict.fromkeys(("DataStorage", "ControlStorage", "AzureWebJobsStorage"), "UseDevelopmentStorage=true"))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"COMPUTE": "azure_batch"}, ["BATCH_ENDPOINT", "BATCH_IMAGE"]),
        ({"COMPUTE": "video=azure_ml"}, ["'video'", "anomaly, style"]),
        ({"NODE_PRICE": "video=1 EUR"}, ["'video'", "anomaly, style"]),
        ({"COMPUTE": "style=azure_ml"}, ["AML_WORKSPACE", "AML_IMAGE"]),
        ({"BATCH_VIDEO_VM_SIZE": "Standard_NC4as_T4_v3"}, ["BATCH_POOL"]),
        (
            {"COMPUTE": "azure_batch", "BATCH_ENDPOINT": "x", "STYLE_CRF": "99"},
            ["BATCH_ENDPOINT is 'x'", "BATCH_IMAGE", "STYLE_CRF"],
        ),
        (
            {"ControlStorage": "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=sig=a"},
            ["QueueEndpoint"],
        ),
        (
            {"ControlStorage": "", "ControlStorage__blobServiceUri": "https://a.blob.core.windows.net"},
            ["__queueServiceUri"],
        ),
    ],
)
def test_what_is_missing_is_named_before_the_app_works(change: dict[str, str], names: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        check_app(NAMES, SAMPLE | change)
    assert all(str(refused.value).count(name) >= 1 for name in names)
    assert "BATCH_ENDPOINT is not set" not in str(refused.value) or "'x'" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"HOST_PORT": "80 80"}, "HOST_PORT"),
        ({"HOST_PORT": "70711"}, "HOST_PORT"),
        ({"LOCAL_SERVICES": "azurite,kafka"}, "kafka"),
        ({"DEVHOST_AUTH": "maybe"}, "DEVHOST_AUTH"),
        ({"EVENT_GRID_QUEUE": ""}, "EVENT_GRID_QUEUE"),
        ({"EVENT_GRID_QUEUE": "Up Loads"}, "EVENT_GRID_QUEUE is 'Up Loads'"),
        ({"EVENT_GRID_CONTAINERS": "videos,my videos"}, "EVENT_GRID_CONTAINERS is .* 'my videos'"),
        ({"EVENT_HUB_NAME": " "}, "EVENT_HUB_NAME is ' '"),
        ({"FLUSH_SCHEDULE": " "}, "FLUSH_SCHEDULE is ' '"),
        ({"LOCAL_COMPUTE_DIR": "/dev/null/runs"}, "LOCAL_COMPUTE_DIR is .*/dev/null is no folder"),
        ({"LOCAL_COMPUTE_DIR": "/tmp/" + "x" * 300}, "LOCAL_COMPUTE_DIR is .*too long"),
        ({"AzureWebJobsStorage": "x"}, "AzureWebJobsStorage"),
        ({"DataStorage": SAMPLE["DataStorage"].replace("10000", "11000")}, "does not fit"),
        ({"DataStorage": SAMPLE["DataStorage"].replace("http:", "https:")}, "DataStorage has https .* certificate"),
        ({"DataStorage": ""}, "DataStorage is not set"),
        ({"EventHubs": ""}, "EventHubs is not set"),
    ],
)
def test_what_this_machine_cannot_run_is_named(change: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        here(SAMPLE | change)


def test_the_host_reads_what_bindings_name_just_as_it_stands() -> None:
    bindings = [binding for function in index(ROOT) for binding in (function.trigger, *function.outputs)]
    named = re.findall("%(.+?)%", " ".join(str(binding) for binding in bindings))
    assert set(named) == HOST_READS


def test_who_takes_in_no_readings_needs_no_event_hubs() -> None:
    off = {"AzureWebJobs.ingest_readings.Disabled": "true", "AzureWebJobs.flush_readings.Disabled": "true"}
    here(SAMPLE | off | {"EventHubs": ""})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PARTION_COUNT", "PARTITION_COUNT"),
        ("style_crf", "STYLE_CRF"),
        ("EventHub", "EventHubs"),
        ("datastorage", "DataStorage"),
        ("DataStorage__blobServiceUrl", "DataStorage__blobServiceUri"),
        ("HOSTPORT", "HOST_PORT"),
    ],
)
def test_a_name_that_is_nearly_right_is_told(name: str, meant: str) -> None:
    (said,) = misspelt({name: "1", "PATH": ""})
    assert name in said
    assert f"{meant} meant" in said


def test_names_of_azure_and_of_systems_are_no_misspelt_settings() -> None:
    names = "PATH HOME SHELL COMPUTERNAME HOSTNAME WEBSITE_SITE_NAME FUNCTIONS_EXTENSION_VERSION AZURE_CLIENT_ID "
    names += "AZ_BATCH_POOL_ID AzureWebJobsFeatureFlags AzureWebJobsSecretStorageType WEBSITE_HOSTNAME "
    names += "AzureWebJobsStorage__credential ControlStorage__clientId APPLICATIONINSIGHTS_CONNECTION_STRING "
    names += " ".join(f"APPSETTING_{name}" for name in SAMPLE)
    assert misspelt(names.split()) == []
    assert misspelt(SAMPLE) == []


def test_the_worker_loads_no_app_whose_settings_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTITION_COUNT", "0")
    monkeypatch.setenv("SCORING_SCHEDULE", "hourly")
    with pytest.raises(
        SettingsError, match=r"PARTITION_COUNT(.|\n)*SCORING_SCHEDULE|SCORING_SCHEDULE(.|\n)*PARTITION_COUNT"
    ):
        index(ROOT)


def test_doctor_finds_what_is_wrong_before_it_looks_at_anything_else() -> None:
    wrong = {"PARTITION_COUNT": "0", "HOST_PORT": "80 80", "COMPUTE": "azure_batch", "PARTION_COUNT": "4"}
    command = [sys.executable, "-m", "cli", "doctor"]
    done = subprocess.run(command, env=os.environ | SAMPLE | wrong, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert all(name in done.stdout for name in ("PARTITION_COUNT is '0'", "HOST_PORT", "BATCH_ENDPOINT", "BATCH_IMAGE"))
    assert "Traceback" not in done.stdout + done.stderr


def test_doctor_tells_of_a_name_that_is_nearly_right() -> None:
    command = [sys.executable, "-m", "cli", "doctor"]
    nowhere = dict.fromkeys(("DataStorage", "ControlStorage", "EventHubs"), "")  # nothing to wait for
    env = os.environ | SAMPLE | nowhere | {"PARTION_COUNT": "4"}
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert "Is PARTITION_COUNT meant?" in done.stdout.replace("\n", " ")


def test_bindings_have_the_defaults_of_the_app_where_a_file_has_only_a_few_keys() -> None:
    found = {function.name: function for function in enabled(index(ROOT), {"SWEEP_SCHEDULE": "0 0 * * * *"})}
    assert (found["ingest_readings"].event_hub, found["ingest_readings"].consumer_group) == ("readings", "$Default")
    assert (found["start_due_runs"].schedule, found["sweep_runs"].schedule) == ("0 5 * * * *", "0 0 * * * *")


def test_all_names_that_bindings_miss_are_said_at_once() -> None:
    functions = index(ROOT / "tests" / "devhost" / "app")
    with pytest.raises(SettingsError, match=r"IN_QUEUE(.|\n)*TICK_SCHEDULE|TICK_SCHEDULE(.|\n)*IN_QUEUE"):
        enabled(functions, {})


def test_a_secret_in_the_address_of_a_mount_is_not_shown() -> None:
    with pytest.raises(SettingsError, match="BATCH_MOUNTS") as refused:
        Settings.from_env({"BATCH_MOUNTS": "m=https://a.blob.core.windows.net/?sig=topsecret"})
    assert "topsecret" not in str(refused.value)


@pytest.mark.slow
def test_a_place_where_nothing_can_be_written_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"Values": SAMPLE | {"HOST_PORT": "0"}}))
    command = [sys.executable, "-m", "devhost", "up", "--settings", str(settings), "--data", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"devhost: {file}/azurite is no folder, or lies below something that is none. Check the path.\n"
    )
