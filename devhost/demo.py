"""`python -m devhost.demo`: all of it on this machine: a report of readings, a painted video, answers over HTTP."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from devhost.intake import look_at_intake
from devhost.samples import write_clip, write_digit
from devhost.sandbox import ROOT, running, sandbox_settings, wait_for
from shared.errors import TallyError, Transient
from shared.refusals import as_refusal
from shared.runs.store import RunStore
from shared.settings import Settings
from shared.storage import BlobStore, Storage

HOME = ROOT / ".tally" / "demo"
OUT = ROOT / "out"
STYLE = "wave"
PUMP = ROOT.parent / "shared" / "data" / "sensors" / "skab" / "valve1"
QUESTION = "Does my video keep its sound?"
STEPS = 10
WINDOWS = {"WINDOW_SECONDS": "1", "FILE_SECONDS": "600", "SCORING_SPAN_SECONDS": "86400", "PREDICTIONS_CSV": "true"}
console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the readings come from: how they are sent, trained on, and what is known of their anomalies."""

    about: str
    send: tuple[str, ...]
    train: tuple[str, ...]
    evaluate: tuple[str, ...]


def scene() -> Scene:
    """A water pump's test bed where its recordings are at hand, else simulated machines."""
    files = sorted(map(str, PUMP.glob("*.csv")))
    if files:
        return Scene(
            f"{len(files)} recordings of a water pump, 8 sensors each, a valve closed now and then (SKAB)",
            ("import", *files, "--exclude", "anomaly,changepoint"),
            ("train", "anomaly", "--per", "device", "--first", "400"),
            ("evaluate", *files, "--skip", "400"),
        )
    labels = str((OUT / "labels.csv").relative_to(ROOT))
    return Scene(
        "4 simulated machines, 5 sensors each, with anomalies injected",
        (
            *("simulate", "--devices", "4", "--sensors", "5", "--from", "2026-01-31T10:00:00Z", "--duration", "5400"),
            *("--anomalies", "0.03", "--labels", labels),
        ),
        ("train", "anomaly", "--first", "2500"),
        ("evaluate", labels, "--skip", "2700"),
    )


def main() -> int:
    """Play the demo; exit code 1, and where to look, if it does not work."""
    begun = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    try:
        for folder in (HOME, OUT):
            folder.mkdir(parents=True, exist_ok=True)
        settings = sandbox_settings(HOME) | WINDOWS | {"DEVHOST_AUTH": "off"}
        _step(1, "Start Azurite (two accounts), an Event Hubs peer, and the app on Microsoft's Python worker")
        with running(settings, HOME):
            _play_readings(scene(), os.environ | settings)
            _play_video(os.environ | settings)
            _play_realtime(os.environ | settings)
    except (TallyError, subprocess.CalledProcessError, OSError) as error:
        return _stopped(as_refusal(error) if isinstance(error, OSError) and error.errno else error)
    except KeyboardInterrupt:
        return 130
    _farewell(time.monotonic() - begun)
    return 0


def _stopped(error: Exception) -> int:
    """Say why, and where to look: an error and a folder may hold what rich would take for markup."""
    console.print(Text.assemble(("The demo stopped:", "red"), f" {error}"), soft_wrap=True)
    console.print(Text(f"What the services said is in {HOME / 'up.log'}."), soft_wrap=True)
    return 1


def _play_readings(scene: Scene, env: dict[str, str]) -> None:
    settings = Settings.from_env(env)
    storage = Storage.from_settings(settings)
    _step(2, f"Send readings to Event Hubs: {scene.about}")
    _tally(env, *scene.send)
    _await_windows(storage, settings)
    _step(3, "Train one-class SVMs on the first windows of each")
    _tally(env, *scene.train)
    _step(4, "The timer function finds windows to score and starts a run")
    run_id = _await_run(storage, "anomaly")
    _tally(env, "runs", "watch", run_id)
    _step(5, "Compare the predictions with what is known")
    _tally(env, *scene.evaluate)
    _step(6, "Fetch the report")
    _fetch(storage.data("reports"), f"{run_id}.html", "anomalies.html")


def _play_video(env: dict[str, str]) -> None:
    storage = Storage.from_settings(Settings.from_env(env))
    about = write_clip(OUT / "clip.mp4")
    _step(7, f"Upload a video, {about}: its event starts a run, whose tasks style it in parallel")
    storage.data("videos").put("clip.mp4", (OUT / "clip.mp4").read_bytes(), metadata={"style": STYLE, "segments": "2"})
    run_id = _await_run(storage, "style")
    _tally(env, "runs", "watch", run_id)
    _step(8, "Fetch the styled video, and a sheet of before and after")
    for name, file in (("clip.mp4", "styled.mp4"), ("clip-sheet.jpg", "styled.jpg")):
        _fetch(storage.data("styled"), name, file)


def _play_realtime(env: dict[str, str]) -> None:
    _step(9, "Train an image classifier on the digits that scikit-learn carries; the app takes it up by itself")
    _tally(env, "train", "image")
    write_digit(OUT / "digit.png")
    _step(10, "Ask both real-time models over HTTP")
    address = f"http://127.0.0.1:{env['HOST_PORT']}/api/score"
    body = json.dumps({"question": QUESTION, "top_k": 1}).encode()
    match = _ask(f"{address}/faq", "application/json", body, f"-d '{body.decode()}'")["matches"][0]
    console.print(f"[bold]{match['probability']:.0%}[/bold] {match['question']}\n{match['answer']}", soft_wrap=True)
    sent = "--data-binary @out/digit.png"
    label = _ask(f"{address}/image", "image/png", (OUT / "digit.png").read_bytes(), sent)["labels"][0]
    console.print(f"[bold]{label['probability']:.0%}[/bold] {label['label']}")


def _ask(address: str, kind: str, body: bytes, sent: str) -> Any:
    console.print(f"[dim]$ curl {address} -H 'content-type: {kind}' {sent}[/dim]", soft_wrap=True)
    answer = requests.post(address, body, headers={"content-type": kind}, timeout=60)
    answer.raise_for_status()
    return answer.json()


def _fetch(store: BlobStore, name: str, file: str) -> None:
    blob = store.get(name)
    if blob is None:
        raise Transient(f"There is no {name}, although its run succeeded.")
    (OUT / file).write_bytes(blob.data)
    console.print((OUT / file).as_uri(), soft_wrap=True)


def _await_windows(storage: Storage, settings: Settings) -> None:
    """Wait until every reading sent is in a window, and every window in its file."""
    columns = (
        TextColumn("Aggregating"),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("readings"),
        TimeElapsedColumn(),
        TextColumn("elapsed"),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("", total=None)

        def complete() -> bool:
            intake = look_at_intake(storage, settings)
            bars.update(bar, completed=intake.taken, total=intake.sent)
            return intake.complete

        wait_for(complete, "The readings were not all taken in")


def _await_run(storage: Storage, workload: str) -> str:
    store = RunStore(storage.control("runs"))
    with console.status("Waiting for a run"):
        wait_for(lambda: any(store.ids(workload)), "No run was started")
    return min(store.ids(workload))


def _step(number: int, text: str) -> None:
    console.print(f"\n[bold cyan]{number}/{STEPS}[/bold cyan] [bold]{text}[/bold]", soft_wrap=True)


def _tally(env: dict[str, str], *arguments: str) -> None:
    """Run a `tally` command as a person would, and show what a person would type."""
    files = [argument for argument in arguments if argument.endswith(".csv")]
    words = [argument for argument in arguments if argument not in files[1:]]
    shown = [f"{Path(word).parent.name}/*.csv" if word in files and len(files) > 1 else word for word in words]
    console.print(f"[dim]$ tally {' '.join(shown)}[/dim]", soft_wrap=True)
    subprocess.run([sys.executable, "-m", "cli", *arguments], env=env, cwd=ROOT, check=True)


def _farewell(seconds: float) -> None:
    console.print(
        f"\n[bold green]That was everything[/bold green], in {seconds:.0f} s, and it is stopped again. Next:\n"
        "  make up                      the app stays up; then, in another terminal:\n"
        "  .venv/bin/tally import YOUR.csv\n"
        "  .venv/bin/tally train anomaly\n"
        "  .venv/bin/tally style YOUR.mp4 --style wave\n"
        "  .venv/bin/tally train faq YOUR.json\n"
        "  .venv/bin/tally runs list\n"
        "  .venv/bin/tally doctor       says what is missing",
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
