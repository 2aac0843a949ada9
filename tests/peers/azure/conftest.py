"""What tests of the contract server share."""

from collections.abc import Iterator

import pytest
import requests

from tests.peers.azure.batch_world import World
from tests.peers.azure.contract_server import Contract, contract_server


@pytest.fixture(scope="module")
def batch_contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    storage = {"ControlStorage": "AccountName=c;AccountKey=eA==;BlobEndpoint=http://127.0.0.1:9/c"}
    with contract_server(tmp_path_factory.mktemp("record"), storage) as contract:
        yield contract
        contract.app.violations.clear()  # some of what was recorded are refusals


@pytest.fixture
def world(batch_contract: Contract) -> Iterator[World]:
    contract = batch_contract
    contract.inside(contract.batch.account.jobs.clear)
    contract.inside(contract.batch.account.pools.clear)
    times, speed = contract.batch.account.times, contract.batch.scaling.speed
    with requests.Session() as session:
        session.trust_env = False
        session.verify = contract.env["REQUESTS_CA_BUNDLE"]
        yield World(contract, session)
    contract.batch.account.times, contract.batch.scaling.speed = times, speed
    contract.batch.account.job_quota = 300
