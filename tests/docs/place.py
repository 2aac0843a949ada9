"""Where the documents' commands are tried: an app that answers, storage of its own, and files by the names they use."""

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devhost.samples import draw_clip
from devhost.sandbox import sandbox_settings, wait_for
from devhost.services import local_accounts
from shared.image_classification.training import digits
from shared.settings import Settings
from shared.storage import Storage
from tests.docs.blocks import DOCUMENTS, blocks_of
from tests.end_to_end.world import start_azurite
from tests.functions.web.inference.app import running
from tests.image_classification.pictures import saved
from tests.readings.plain import Account, batch, body


@dataclass(frozen=True, slots=True)
class Place:
    """Where commands run, and with which environment."""

    folder: Path
    env: Mapping[str, str]


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """The app over HTTP within this process, an Azurite that no other test uses, and the files in the folder."""
    settings = sandbox_settings(folder)
    azurite = start_azurite(settings, folder)
    try:
        ports = local_accounts(settings)[0].ports
        wait_for(lambda: all(map(_listening, ports)), "Azurite did not start")
        storage = Storage.from_settings(Settings.from_env(settings))
        _write_files(folder, storage)
        with running(folder, storage) as app:
            address = {"TALLY": f"http://127.0.0.1:{app.port}", "TALLY_KEY": app.keys.default}
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            own = {"IMAGE": "seven.png", "HOME": str(folder), "PATH": path}
            yield Place(folder, os.environ | settings | address | own)
    finally:
        azurite.terminate()
        azurite.wait()


def _listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _write_files(folder: Path, storage: Storage) -> None:
    """Those that documents name: each block with a word `file=`, and what a reader has."""
    for block in (block for document in DOCUMENTS for block in blocks_of(document)):
        if "file" in block.words:
            (folder / block.words["file"]).write_text(block.text)
    (folder / ".curlrc").write_text("fail-with-body\nno-progress-meter\n")  # an answer of 400 or more is a failure
    pictures = digits().images
    (folder / "seven.png").write_bytes(saved(pictures[7]))
    (folder / "photos").mkdir()
    for number, picture in enumerate(pictures[:100]):
        (folder / "photos" / f"{number}.png").write_bytes(saved(picture))
    draw_clip(folder / "holiday.mp4", 1, "160x90")
    storage.data("videos").put("holiday.mp4", (folder / "holiday.mp4").read_bytes())
    _write_windows(folder)


def _write_windows(folder: Path) -> None:
    """The container `windows` of a few readings, as a download has it."""
    account = Account()
    account.ingestor().ingest("0", batch([body(5.0 * second, 1.0) for second in range(60)]))
    account.close()
    for name, data in account.files().items():
        path = folder / "windows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
