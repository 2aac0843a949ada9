"""Jobs and tasks as Azure Batch is told of them: pure, at any size."""

from collections import deque
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.compute import Image, Node, Task
from shared.compute.azure import blob_address, task_environment
from shared.compute.azure_batch.pool import definition, main
from shared.compute.azure_batch.submission import Submission, ranges
from shared.compute.names import LIMIT, attempt_of, job_id
from shared.errors import SettingsError
from shared.settings import Connection, Settings
from shared.workloads import IMAGES

CONTRACTS = Path(__file__).parents[3] / "shared" / "contracts" / "batch"
SETTINGS = Settings(
    control_storage=Connection("ControlStorage", blob_uri="https://control.blob.core.windows.net"),
    data_storage=Connection("DataStorage", string="AccountName=d;AccountKey=c2VjcmV0"),
    batch_image="tally.azurecr.io/tally-{image}:1",
    batch_identity="/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i",
)


@given(st.sets(st.integers(1, 500)))
def test_ranges_hold_the_numbers_they_were_made_of(numbers: set[int]) -> None:
    made = list(ranges(sorted(numbers)))
    assert {n for each in made for n in range(each["start"], each["end"] + 1)} == numbers
    assert all(first["end"] + 1 < second["start"] for first, second in pairwise(made))


@given(st.text(min_size=1, max_size=200), st.integers(1, 9999))
def test_job_ids_fit_and_lead_back_to_their_attempt(run: str, attempt: int) -> None:
    made = job_id(run, attempt)
    assert len(made) <= LIMIT
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    assert attempt_of(run, made.upper()) == attempt


def test_the_job_of_another_run_that_begins_alike_is_none_of_this_ones() -> None:
    assert attempt_of("run", job_id("run-2", 1)) == 0
    assert attempt_of("run-2", job_id("run", 2)) == 0
    assert job_id("x" * 64, 1) != job_id("x" * 63 + "y", 1)


@pytest.mark.slow
def test_a_hundred_thousand_tasks_are_made_one_group_at_a_time() -> None:
    tasks = [Task(f"score-{n:06d}", "anomaly", ("python", "-m", "x")) for n in range(99_999)]
    merge = Task("merge", "anomaly", ("python", "-m", "x"), tuple(task.id for task in tasks))
    groups = Submission(SETTINGS, "run", 1, [*tasks, merge]).groups()
    first = next(groups)
    assert [body["id"] for body in first] == [str(n) for n in range(1, 101)]
    (last,) = deque(groups, 1)
    assert last[-1]["dependsOn"] == {"taskIdRanges": [{"start": 1, "end": 99_999}]}


def test_a_new_attempt_leaves_out_what_is_done_and_keeps_the_numbers() -> None:
    tasks = [Task(name, "anomaly", ("python",)) for name in "abc"] + [Task("d", "anomaly", ("python",), tuple("abc"))]
    submission = Submission(SETTINGS, "run", 2, tasks, frozenset("b"))
    bodies = [body for group in submission.groups() for body in group]
    assert [body["id"] for body in bodies] == ["1", "3", "4"]
    assert bodies[-1]["dependsOn"] == {"taskIdRanges": [{"start": 1, "end": 1}, {"start": 3, "end": 3}]}
    assert {"name": "done", "value": "1"} in submission.job()["metadata"]


def test_tasks_get_addresses_and_never_a_connection_string() -> None:
    found = task_environment(SETTINGS)
    assert found["ControlStorage__blobServiceUri"] == "https://control.blob.core.windows.net"
    assert "DataStorage" not in found
    assert "c2VjcmV0" not in str(found)


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        (Connection("C", blob_uri="https://x/"), "https://x"),
        (Connection("C", string="AccountName=a;AccountKey=k"), "https://a.blob.core.windows.net"),
        (Connection("C", string="AccountName=a;BlobEndpoint=http://h:1/a/;AccountKey=k=="), "http://h:1/a"),
    ],
)
def test_the_address_of_an_account_has_no_key(connection: Connection, address: str) -> None:
    assert blob_address(connection) == address


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="BATCH_IMAGE"):
        list(Submission(Settings(), "run", 1, [Task("a", "anomaly", ("python",))]).groups())
    with pytest.raises(SettingsError, match="BATCH_IDENTITY"):
        definition(Settings(), IMAGES)


def test_the_pool_is_what_microsofts_management_contract_wants() -> None:
    from peers.azure.openapi import OpenApi

    file = CONTRACTS / "arm-2024-07-01.json"
    if not file.exists():
        pytest.skip(f"{file} is absent")
    contract, pool = OpenApi(file), definition(SETTINGS, IMAGES)
    assert contract.problems("PoolProperties", pool["properties"]) == []
    assert contract.problems("BatchPoolIdentity", pool["identity"]) == []


@pytest.mark.parametrize("key", ["", "c2VjcmV0"])
def test_nodes_mount_what_the_settings_name(key: str) -> None:
    places = ["models=https://a.blob.core.windows.net/models", "nfs=nfs://a.file.core.windows.net/a/share"]
    smb = ["smb=https://a.file.core.windows.net/share"] if key else []
    held = definition(replace(SETTINGS, batch_mounts=", ".join(places + smb)), IMAGES, files_key=key)
    mounts = held["properties"]["mountConfiguration"]
    assert mounts[0]["azureBlobFileSystemConfiguration"]["identityReference"] == {"resourceId": SETTINGS.batch_identity}
    assert mounts[1]["nfsMountConfiguration"]["source"] == "a.file.core.windows.net:/a/share"
    assert key in str(mounts)
    file = CONTRACTS / "arm-2024-07-01.json"
    if file.exists():
        from peers.azure.openapi import OpenApi

        assert OpenApi(file).problems("PoolProperties", held["properties"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://a.blob.core.windows.net/models",
        "a=https://a.blob.core.windows.net",
        "a=https://a.blob.core.windows.net/models/deeper",
        "a=http://a.blob.core.windows.net/models",
        "a b=nfs://host/path",
        "a=nfs://host",
        "a=nfs://host/1,a=nfs://host/2",
        "a=https://a.file.core.windows.net/share",
    ],
)
def test_a_mount_that_cannot_be_made_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BATCH_MOUNTS|AZURE_FILES_KEY"):
        definition(replace(SETTINGS, batch_mounts=text), IMAGES)


def test_videos_may_have_nodes_with_gpus_of_their_own() -> None:
    settings = replace(SETTINGS, batch_pool="tally-{image}", batch_video_vm_size="Standard_NC4as_T4_v3")
    assert definition(settings, [Image("style_transfer", Node.GPU)])["properties"]["vmSize"] == "Standard_NC4as_T4_v3"
    with pytest.raises(SettingsError, match="--image"):
        definition(settings, IMAGES)
    ((video, other),) = Submission(
        settings, "run", 1, [Task("v", "style_transfer", ("python",), node=Node.GPU), Task("a", "anomaly", ("python",))]
    ).groups()
    assert video["containerSettings"]["containerRunOptions"] == "--entrypoint=python --gpus=all"
    assert other["containerSettings"]["containerRunOptions"] == "--entrypoint=python"


def test_the_pool_is_printed_for_whoever_makes_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(IMAGES, []) == 2
    assert "BATCH_IDENTITY" in capsys.readouterr().err
    monkeypatch.setenv("BATCH_IMAGE", "tally.azurecr.io/tally-{image}:1")
    monkeypatch.setenv("BATCH_IDENTITY", str(SETTINGS.batch_identity))
    assert main(IMAGES, ["--image", "anomaly"]) == 0
    assert '"tally.azurecr.io/tally-anomaly:1"' in capsys.readouterr().out
