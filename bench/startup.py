"""How long a cold worker takes to import the app, beside the imports that it cannot do without."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROUNDS = 7
CASES = {
    "an empty interpreter": "pass",
    "azure.functions alone": "import azure.functions",
    "the Function App": "import function_app",
    "a scoring task": "import scoring_images.anomaly.score",
    "the tally command": "import cli.app",
}


def main() -> None:
    """Interleave the cases, byte code cached, and print the median of each."""
    with tempfile.TemporaryDirectory() as cache:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"PYTHONPYCACHEPREFIX": cache, "PYTHONPATH": str(Path.cwd())}
        times: dict[str, list[float]] = {name: [] for name in CASES}
        for _ in range(ROUNDS + 1):
            for name, code in CASES.items():
                times[name].append(_seconds(code, env))
    table = Table(
        "import", "median ms", "ms over an empty interpreter", title="Imports, warm disk", title_justify="left"
    )
    empty = statistics.median(times["an empty interpreter"][1:])
    for name, taken in times.items():
        median = statistics.median(taken[1:])
        table.add_row(name, f"{1e3 * median:.0f}", f"{1e3 * (median - empty):.0f}")
    Console().print(table)


def _seconds(code: str, env: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
