"""A made-up workload, declared and nothing more: the mood of texts, set off by uploads, by the timer and over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter

import msgspec

from shared.compute import Image, Node, Task
from shared.runs.driver import Driver
from shared.runs.record import Run
from shared.runs.workload import Request, Uploads, Workload
from shared.settings import Settings
from shared.storage import BlobInfo, Storage

IMAGE = Image("sentiment", Node.GPU)


class TextRun(msgspec.Struct, frozen=True):
    """What a run is told."""

    text: str
    words: int = 100
    loud: bool = False


class TextRequest(Request, frozen=True, tag="sentiment"):
    """Tell the mood of a text."""

    text: str
    words: int = 100

    def run(self, storage: Storage, settings: Settings, now: datetime) -> Run:
        return SENTIMENT.run(f"sentiment-{self.words}", TextRun(self.text, self.words), now)


def plan(run_id: str, params: TextRun, storage: Storage, settings: Settings) -> Sequence[Task]:
    return [IMAGE.task("mood", ("mood", params.text, str(params.words + 1)), retries=1, seconds=60)]


def outputs(run_id: str, params: TextRun) -> Sequence[tuple[str, str]]:
    return [("moods", params.text)]


def params_of(text: BlobInfo, settings: Settings) -> TextRun:
    return TextRun(text.name, loud=True)


def start_due(driver: Driver, storage: Storage, settings: Settings) -> Sequence[str]:
    run = SENTIMENT.run("sentiment-due", TextRun("due.txt"), driver.now())
    return [run.id] if driver.start(run) else []


SENTIMENT = Workload(
    name="sentiment",
    image=IMAGE,
    params=TextRun,
    plan=plan,
    outputs=outputs,
    subject=attrgetter("text"),
    request=TextRequest,
    uploads=Uploads(container="texts", member="text", params=params_of),
    start_due=start_due,
)
