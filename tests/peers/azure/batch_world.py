"""A Batch account with nothing in it, asked over HTTP as it stands, without the SDK."""

from dataclasses import dataclass
from typing import Any

import requests

from peers.azure.batch.contract import API_VERSION
from peers.azure.batch.describe import FOREVER
from peers.azure.batch.state import Account, Body
from peers.azure.batch.times import Times
from tests.compute.implementations import until
from tests.peers.azure.contract_server import Contract
from tests.peers.azure.record import Recorded

SLOW = Times().faster(1 / 3600)
"""Nothing comes to its end by itself while a test looks."""
JSON = "application/json; odata=minimalmetadata"
JOB_DEFAULTS: Body = {
    "priority": 0,
    "maxParallelTasks": -1,
    "usesTaskDependencies": False,
    "allowTaskPreemption": False,
    "onAllTasksComplete": "noaction",
    "onTaskFailure": "noaction",
}
MACHINE = {
    "imageReference": {"publisher": "canonical", "offer": "ubuntu", "sku": "22_04-lts", "version": "latest"},
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}


@dataclass(frozen=True)
class World:
    """A server with nothing in it, asked over HTTP."""

    contract: Contract
    session: requests.Session

    @property
    def account(self) -> Account:
        return self.contract.batch.account

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        header = {"X-IDENTITY-HEADER": self.contract.env["IDENTITY_HEADER"]}
        query = {"api-version": "2019-08-01", "resource": "https://batch.core.windows.net/"}
        url = self.contract.env["BATCH_ENDPOINT"]
        token = self.session.get(f"{url}/msi/token", params=query, headers=header, timeout=10).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "content-type": JSON}
        place, _, rest = path.partition("?")
        asked = f"{url}{place}?api-version={API_VERSION}{f'&{rest}' if rest else ''}"
        return self.session.request(method, asked, headers=headers, json=body, timeout=10)

    def made(self, method: str, path: str, body: Any = None) -> requests.Response:
        answer = self.ask(method, path, body)
        assert answer.ok, answer.text
        return answer

    def send(self, record: Recorded, body: Any = None) -> requests.Response:
        """What the record asked for."""
        method, path = record.request["method"], record.request["path"]
        return self.ask(method, path, record.request.get("body", body if method == "POST" else None))

    def pool(self, shown: Body | None = None, **targets: int) -> None:
        """The pool `pool1`, as far as what is shown of it was sent; fixed, and with all its nodes."""
        shown = shown or {}
        sent = ("vmSize", "startTask", "userAccounts", "virtualMachineConfiguration", "resizeTimeout")
        body: Body = {"id": "pool1", "vmSize": "Standard_D2s_v3", "virtualMachineConfiguration": MACHINE}
        body |= {name: shown[name] for name in sent if name in shown} | targets
        if "userAccounts" in body:
            body["userAccounts"] = [each | {"password": "secret"} for each in body["userAccounts"]]
        self.made("POST", "/pools", body)
        held = self.account.pools["pool1"]
        until(lambda: sum(bool(node.state()) for node in held.nodes.values()) == sum(targets.values()))

    def job(self, shown: Body | None = None, **more: Any) -> None:
        """The job `job1`, as far as what is shown of it was sent and is no default."""
        shown = shown or {}
        body = {name: shown[name] for name, usual in JOB_DEFAULTS.items() if shown.get(name, usual) != usual}
        constraints = {name: each for name, each in shown.get("constraints", {}).items() if each not in (0, FOREVER)}
        body |= {"constraints": constraints} if constraints else {}
        self.made("POST", "/jobs", {"id": "job1", "poolInfo": {"poolId": "pool1"}} | body | more)

    def task(self, name: str = "task1", command: str = "python -c pass", **more: Any) -> None:
        self.made("POST", "/jobs/job1/tasks", {"id": name, "commandLine": command} | more)

    def ended(self, *names: str) -> None:
        """Wait until tasks have ended, and lists and counts have heard of it."""
        tasks, behind = self.account.jobs["job1"].tasks, self.account.times.counts_behind
        until(lambda: all(tasks[name].state_seen(behind) == "completed" for name in names))
