"""Azure Batch on the contract server: tasks submitted per second, requests per task and look; a pool's day, simulated.

The server is a process of its own and answers each request after 50 ms, as a service some way off does. The baseline is
what the SDK itself offers for many tasks: `create_tasks` with its four threads.
"""

import multiprocessing
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench._pool_day import Day, plot, simulate
from peers.azure.places import batch_settings
from shared.compute import Task
from shared.compute.azure_batch.compute import AzureBatchCompute
from shared.compute.azure_batch.formula import Scale
from shared.compute.azure_batch.submission import Submission
from shared.settings import Settings
from shared.storage import MemoryBlobs

STORAGE = "AccountName=c;AccountKey=eA==;BlobEndpoint=http://127.0.0.1:9/c"
DELAY = 0.05
TASKS = 5_000
MANY = 100_000
ROUNDS = 3
SPOT_PRICE = 0.3
"""What a spot node costs against a dedicated one: an assumption, prices change by the hour."""
DAYS = {
    "From zero": Scale(10),
    "Warm for an hour": Scale(10, warm_seconds=3600),
    "Spot, from zero": Scale(10, spot=True),
}
PLOT = Path(__file__).parents[1] / "docs" / "pool-day.svg"
console = Console()


def main() -> None:
    """Print both tables; `--plot` writes the simulated days into docs/."""
    if "--plot" not in sys.argv[1:]:
        _submission()
    days = {name: simulate(scale) for name, scale in DAYS.items()}
    _days(days)
    if "--plot" in sys.argv[1:]:
        PLOT.write_text(plot(days))
        console.print(f"Plotted in {PLOT}")


def _submission() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings, requests = _begin(Path(folder))
        compute = AzureBatchCompute(settings, MemoryBlobs())
        compute.submit("warm-up", 1, _tasks(200))
        ours, theirs = [], []
        for number in range(ROUNDS):
            theirs.append(_timed(partial(_sdk, compute, f"sdk-{number}", _tasks(TASKS))))
            ours.append(_timed(partial(compute.submit, f"tally-{number}", 1, _tasks(TASKS))))
        before = requests.value
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        many = _timed(lambda: compute.submit("many", 1, _tasks(MANY)))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        added = requests.value - before
        look = _timed(lambda: compute.status("many"))
        table = Table("submission", "tasks/s", "requests/task", title=f"A service {1e3 * DELAY:.0f} ms away")
        table.add_row(f"the SDK's create_tasks, {TASKS:,} tasks", f"{TASKS / statistics.median(theirs):,.0f}", "")
        table.add_row(f"submit, {TASKS:,} tasks", f"{TASKS / statistics.median(ours):,.0f}", "")
        table.add_row(f"submit, {MANY:,} tasks", f"{MANY / many:,.0f}", f"{added / MANY:.4f}")
        console.print(table)
        console.print(f"{MANY:,} tasks took {many:.1f} s and {grown / 1024:.0f} MiB of memory more than {TASKS:,}.")
        console.print(f"A look at them took {look:.2f} s and {requests.value - before - added} requests;")
        console.print("a run of an hour, looked at every 5 s, costs 1,440.")


def _days(days: dict[str, Day]) -> None:
    table = Table(
        "pool", "node hours", "cost", "submitted to first task", "to the end", "lost",
        title="A day: 24 runs of 8 tasks, 12 videos of 20 segments, at most 10 nodes",
    )  # fmt: skip
    base = next(iter(days.values())).dedicated_hours
    for name, day in days.items():
        cost = (day.dedicated_hours + SPOT_PRICE * day.spot_hours) / base
        table.add_row(
            name, f"{day.dedicated_hours + day.spot_hours:.1f}", f"{100 * cost:.0f}%",
            f"{day.wait():.1f} min", f"{day.duration():.1f} min", str(day.lost),
        )  # fmt: skip
    console.print(table)


def _tasks(count: int) -> list[Task]:
    command = ("python", "-m", "scoring_images.anomaly", "score", "--run", "anomaly-20260131T100000Z-3600s", "--part")
    tasks = [Task(f"score-{n:06d}", "anomaly", (*command, str(n))) for n in range(count - 1)]
    return [*tasks, Task("merge", "anomaly", command, tuple(task.id for task in tasks))]


def _sdk(compute: AzureBatchCompute, run: str, tasks: list[Task]) -> None:
    submission = Submission(compute.settings, run, 1, tasks)
    bodies: list[Any] = [body for group in submission.groups() for body in group]
    job: Any = submission.job()
    compute.account.call(lambda client: client.create_job(job))
    compute.account.call(lambda client: client.create_tasks(submission.job_id, bodies, max_concurrency=4))


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _begin(folder: Path) -> tuple[Settings, Any]:
    """A server in a process of its own, the settings that lead to it, and its count of requests."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= batch_settings(port, folder) | {"ControlStorage": STORAGE}
    context = multiprocessing.get_context("spawn")
    requests = context.Value("q", 0)
    context.Process(target=_serve, args=(port, folder / "contract", requests), daemon=True).start()
    while not _answers(port):
        time.sleep(0.1)
    return Settings.from_env(), requests


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _serve(port: int, folder: Path, requests: Any) -> None:
    import asyncio

    from peers.azure.__main__ import batch_service
    from peers.azure.certificate import write_certificates
    from peers.azure.clock import Clock
    from peers.azure.faults import Kind
    from peers.azure.server import ContractServer, serve, serving
    from peers.azure.tokens import Tokens

    class Counting(ContractServer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            requests.value += 1
            await super().__call__(scope, receive, send)

    clock = Clock()
    _, certificate = write_certificates(folder)
    batch = batch_service(Settings.from_env(), clock, f"https://127.0.0.1:{port}", folder, 1.0)
    batch.account.pools["tally"].quota = 0
    app = Counting([batch], clock, Tokens(clock, os.environ["IDENTITY_HEADER"]))
    app.faults.add(Kind.SLOW, times=1_000_000_000).seconds = DELAY
    asyncio.run(serve(app, serving(app, certificate, port)))


if __name__ == "__main__":
    main()
