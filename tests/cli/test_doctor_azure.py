"""`tally doctor --azure` against the contract server: each check, sound and not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli import context, doctor
from cli.azure_rest import AzureRest, NotChecked
from cli.doctor import Check, checked
from cli.doctor_azure import AzureChecks
from peers.azure.exchange import Answer
from peers.azure.faults import Kind
from peers.azure.tokens import PRINCIPAL
from shared.compute import patience
from shared.settings import Settings
from tests.azurite import Azurite
from tests.compute import implementations
from tests.compute.implementations import until
from tests.peers.azure.contract_server import IDENTITY, Contract, Peer, contract_server

pytestmark = pytest.mark.slow
KEYLESS = {
    "DataStorage__blobServiceUri": "https://tallydata.blob.core.windows.net",
    "ControlStorage__blobServiceUri": "https://tallycontrol.blob.core.windows.net",
}


@dataclass(frozen=True)
class World[P: Peer]:
    """A server, and what the doctor says of it."""

    peer: P
    env: dict[str, str]

    def checks(self, **changed: str) -> dict[str, Check]:
        settings = Settings.from_env(self.env | changed)
        looks = AzureChecks(settings, AzureRest(settings.aml_endpoint)).looks()
        return {name: checked(name, look) for name, look in looks}


@pytest.fixture(scope="module")
def batch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    with contract_server(tmp_path_factory.mktemp("batch"), KEYLESS) as contract:
        yield contract


@pytest.fixture
def batch(batch_server: Contract, monkeypatch: pytest.MonkeyPatch) -> Iterator[World[Contract]]:
    monkeypatch.setattr(patience, "PAUSES", (0.0,))
    for name, value in batch_server.env.items():
        monkeypatch.setenv(name, value)
    host = batch_server.env["URL"].removeprefix("https://")
    held = vars(batch_server.subscription) | {"roles": list(batch_server.subscription.roles)}
    yield World(batch_server, dict(batch_server.env) | {"BATCH_IMAGE": f"{host}/tally-{{image}}:1"})
    vars(batch_server.subscription).update(held)
    batch_server.registry.absent.clear()
    batch_server.faults.waiting.clear()


def wrong(checks: dict[str, Check]) -> dict[str, str]:
    return {name: f"{each.says} {each.hint}" for name, each in checks.items() if each.ok is False}


def test_all_is_well_with_a_batch_account_that_is_set_up(batch: World[Contract]) -> None:
    checks = batch.checks()
    assert wrong(checks) == {}
    assert [name for name, check in checks.items() if check.ok is None] == []
    assert (
        checks["cores of D4ads_v5"].says
        == "2 nodes need 8 cores, the account may have 100 dedicated (standardDADSv5Family) ones"
    )
    assert checks["its formula"].says == "asks for 0 dedicated and 0 spot nodes now"
    assert list(checks)[-3:] == ["tally-anomaly:1", "tally-style-transfer:1", "Batch nodes' roles"]


def no_quota(world: World[Contract]) -> None:
    world.peer.subscription.dedicated_cores = 4


def no_size(world: World[Contract]) -> None:
    world.peer.subscription.sizes = ["Standard_D2_v3"]


def no_role(world: World[Contract]) -> None:
    roles = world.peer.subscription.roles
    roles[:] = [each for each in roles if each[1] != "AcrPull"]


def another_role(world: World[Contract]) -> None:
    roles = world.peer.subscription.roles
    roles[:] = [each for each in roles if each[:2] != (PRINCIPAL, "Storage Blob Data Contributor")]
    place = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/tallydata"
    roles.append((PRINCIPAL, "Storage Blob Data Contributor", place))


def no_image(world: World[Contract]) -> None:
    world.peer.registry.absent.add("tally-anomaly:1")


def forbidden(operation: str, world: World[Contract]) -> None:
    world.peer.faults.add(Kind.STATUS, operation, times=9, status=403)


def not_json(world: World[Contract]) -> None:
    world.peer.faults.add(Kind.NOT_JSON, ".*/batchAccounts", times=9)


@pytest.mark.parametrize(
    ("change", "settings", "name", "says"),
    [
        (no_quota, {}, "cores of D4ads_v5", "2 nodes need 8 cores, the account may have 4 dedicated"),
        (no_size, {}, "Standard_D4ads_v5", "Batch does not offer Standard_D4ads_v5 in loopback. Choose another"),
        (no_role, {}, "Batch nodes' roles", "has no role for the images (127). Assign 'AcrPull'."),
        (another_role, {}, "app's roles", "no role for the blobs (tallycontrol). Assign 'Storage Blob Data Con"),
        (no_image, {}, "tally-anomaly:1", "There is no image 127.0.0.1"),
        (not_json, {}, "Batch account", "answers with something that is no JSON"),
        (partial(forbidden, ".*/batchAccounts"), {}, "Batch account", "may not be read (403). The identity needs a"),
        (partial(forbidden, "GET /pools/.*"), {}, "pool tally", "needs the role 'Azure Batch Job Submitter'"),
        (partial(forbidden, "POST /oauth2/exchange"), {}, "tally-anomaly:1", "may not be read (403"),
        (None, {"BATCH_POOL": "other"}, "pool other", "There is no pool other. Make it: `python -m"),
        (None, {"BATCH_ENDPOINT": "https://127.0.0.1:1"}, "pool tally", "does not answer as it should"),
        (None, {"BATCH_ENDPOINT": "https://127.0.0.1:1"}, "Batch account", "no Batch account at '127.0.0.1:1'"),
        (None, {"BATCH_IMAGE": "127.0.0.1:1/tally-{image}:1"}, "tally-anomaly:1", "cannot be reached: "),
        (None, {"AML_ENDPOINT": "https://127.0.0.1:1"}, "Batch account", "127.0.0.1:1 cannot be reached"),
        (None, {"BATCH_IDENTITY": f"{IDENTITY}-2"}, "pool tally", "do not have the identity BATCH_IDENTITY"),
        (None, {"BATCH_IDENTITY": ""}, "Batch account", "No setting names the subscription."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_do(
    batch: World[Contract],
    change: Callable[[World[Contract]], None] | None,
    settings: dict[str, str],
    name: str,
    says: str,
) -> None:
    if change:
        change(batch)
    assert says in wrong(batch.checks(**settings))[name]


def test_a_pool_that_lacks_nodes_says_what_azure_says(batch: World[Contract]) -> None:
    pool = batch.peer.pool
    body = pool.body
    pool.quota, pool.body = 0, body | {"enableAutoScale": False}
    pool.target_dedicated = 1
    try:
        until(lambda: pool.resize_errors != [])
        found = wrong(batch.checks())
    finally:
        pool.quota, pool.body, pool.target_dedicated = 100, body, 0
    assert "AccountCoreQuotaReached" in found["pool tally"]
    assert "does not scale by itself" in found["its formula"]


def test_a_formula_that_batch_cannot_evaluate_is_told_with_its_cause(batch: World[Contract]) -> None:
    pool = batch.peer.pool
    formula = pool.body["autoScaleFormula"]
    pool.body["autoScaleFormula"], pool.next_evaluation = "$TargetDedicatedNodes=nodes", 0.0
    try:
        until(lambda: "error" in (pool.run or {}))
        found = wrong(batch.checks())
    finally:
        pool.body["autoScaleFormula"], pool.next_evaluation = formula, 0.0
    for name in ("pool tally", "its formula"):
        assert "evaluation error; Line 1, Col 23: Undefined symbol: nodes." in found[name]


def test_spot_nodes_count_against_their_own_quota(batch: World[Contract]) -> None:
    batch.peer.subscription.spot_cores = 4
    assert "4 spot ones" in wrong(batch.checks(BATCH_SPOT="true"))["cores of D4ads_v5"]


@pytest.mark.parametrize("told", [{}, {"dedicatedCoreQuotaPerVMFamily": None, "lowPriorityCoreQuota": None}])
def test_a_quota_that_the_account_does_not_tell_is_not_checked(batch: World[Contract], told: dict[str, None]) -> None:
    held = {"accountEndpoint": batch.env["URL"].removeprefix("https://"), "dedicatedCoreQuotaPerVMFamilyEnforced": True}
    account = {"name": "tally", "location": "loopback", "properties": held | told}
    batch.peer.faults.add(Kind.ANSWER, ".*/batchAccounts", times=9, answer=Answer(200, {"value": [account]}))
    for spot in ("true", "false"):
        cores = batch.checks(BATCH_SPOT=spot)["cores of D4ads_v5"]
        assert (cores.ok, "does not tell its quota" in cores.says) == (None, True)


def test_roles_that_may_not_be_listed_are_not_called_wrong(batch: World[Contract]) -> None:
    forbidden(".*/roleAssignments", batch)
    check = batch.checks()["app's roles"]
    assert check.ok is None
    assert check.says.startswith("not checked: roles may not be listed.")


@pytest.mark.parametrize("registry", ["docker.io", "evilazurecr.io", "azurecr.io.example.org:443", "x127.0.0.1.nip.io"])
def test_no_registry_but_azures_hears_a_token(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AzureRest, "token", lambda *_: pytest.fail("a token was fetched"))
    with pytest.raises(NotChecked, match="no registry of Azure's"):
        AzureRest("https://management.azure.com").image(f"{registry}/tally-anomaly:1")


def test_an_identity_without_tokens_is_told_to_sign_in(batch: World[Contract], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "another")
    assert "az login" in wrong(batch.checks())["identity"]


def test_only_what_is_chosen_is_looked_at(batch: World[Contract]) -> None:
    assert list(batch.checks(COMPUTE="local")) == ["identity", "app's roles"]
    names = list(batch.checks(COMPUTE="style=azure_batch"))
    assert [name for name in names if name.endswith(":1")] == ["tally-style-transfer:1"]


def test_the_command_prints_a_line_per_check_and_ends_accordingly(
    batch: World[Contract], azurite: Azurite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (batch.env | azurite.settings | {"EventHubs": ""}).items():
        monkeypatch.setenv(name, value)
    for name in KEYLESS:
        monkeypatch.delenv(name)
    for cached in (context.settings, context.storage):
        cached.cache_clear()
    with pytest.raises(doctor.typer.Exit) as ended:
        doctor.doctor(azure=True, as_json=True)
    lines = {each["name"]: each["ok"] for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert ended.value.exit_code == 0
    assert {name: ok for name, ok in lines.items() if not ok} == {"Event Hubs": None}
    with pytest.raises(doctor.typer.Exit):
        doctor.doctor(azure=True)
    assert "Set EventHubs to a connection string" in capsys.readouterr().out
    for cached in (context.settings, context.storage):
        cached.cache_clear()


def test_a_container_that_may_not_be_read_names_the_role(
    batch: World[Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DataStorage__blobServiceUri", f"{batch.env['URL']}/tallydata")
    monkeypatch.setenv("DataStorage", "")
    context.settings.cache_clear()
    context.storage.cache_clear()
    batch.peer.faults.add(Kind.STATUS, "GET /tallydata/windows", times=9, status=403)
    check = checked("data account", partial(doctor._container, "data", "windows", doctor._hours))
    assert (check.ok, "Storage Blob Data Contributor" in check.hint) == (False, True)
    context.settings.cache_clear()
    context.storage.cache_clear()


QUOTA = {"error": {"code": "BadRequest", "message": "The subscription has a total vCPU quota of 0."}}
CLUSTERS: list[tuple[dict[str, Any], bool, str]] = [
    ({"provisioningState": "Creating", "properties": {"scaleSettings": None, "errors": None}}, True, "is being made"),
    (
        {"provisioningState": "failed", "provisioningErrors": [QUOTA], "properties": None},
        False,
        "is failed (BadRequest: The subscription has a total vCPU quota of 0).",
    ),
    (
        {"computeType": "ComputeInstance", "provisioningState": "Succeeded", "properties": {"vmSize": "STANDARD_D2"}},
        False,
        "is no cluster, but ComputeInstance.",
    ),
]
"""What a workspace may tell of its computes, what the doctor makes of it, and what it says."""


def test_a_workspace_is_looked_at_with_its_clusters_and_cores(
    azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with implementations.azure_ml(tmp_path, azurite) as (_, contract):
        host = contract.env["URL"].removeprefix("https://")
        env = dict(contract.env) | {"AML_IMAGE": f"{host}/tally-{{image}}:1"}
        world = World(contract, env)
        checks = world.checks()
        assert wrong(checks) == {}
        assert checks["tally-anomaly"].says == "Standard_D4ads_v5, 0 to 2 nodes"
        assert checks["ML cores"].says == "2 nodes need 8 cores of standardDADSv5Family, 100 of 100 are left"
        contract.subscription.sizes += ["Standard_NC4as_T4_v3"]
        video = {"AML_VIDEO_VM_SIZE": "Standard_NC4as_T4_v3"}
        assert world.checks(**video)["ML cores"].says.count("2 nodes need 8 cores of") == 2
        assert "does not offer Standard_NC6" in wrong(world.checks(AML_VIDEO_VM_SIZE="Standard_NC6"))["ML cores"]
        contract.subscription.dedicated_cores = 0
        assert "0 of 0 are left: a new account has none" in wrong(world.checks())["ML cores"]
        contract.subscription.dedicated_cores = 100
        contract.subscription.used_cores = 96
        scale = contract.cluster.body["properties"]["properties"]["scaleSettings"]
        scale["minNodeCount"] = 1
        found = wrong(world.checks())
        assert "4 of 100 are left" in found["ML cores"]
        assert "costs money without runs" in found["tally-anomaly"]
        scale["minNodeCount"] = 0
        for told, ok, says in CLUSTERS:
            contract.faults.add(Kind.ANSWER, ".*/computes/.*", answer=Answer(200, {"properties": told}))
            check = world.checks()["tally-anomaly"]
            assert (check.ok, check.says) == (ok, f"computes/tally-anomaly {says}")
        gone = f"{contract.env['AML_WORKSPACE']}-gone"
        assert "is not there (404" in wrong(world.checks(AML_WORKSPACE=gone))["ML workspace"]
