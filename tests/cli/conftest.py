"""The `tally` command in this process, as a shell sees it, over accounts in memory."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from cli import app, context
from shared.settings import Settings
from shared.storage import MemoryStorage, Storage


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All of it."""
        return self.out + self.err


type Shell = Callable[..., Ran]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A command line, run with the settings as they are."""

    def run(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["tally", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "100")
        code = app.run()
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryStorage]:
    """Both accounts, in memory, for every command."""
    memory = MemoryStorage()
    account = {"DataStorage__blobServiceUri": "https://data.blob.core.windows.net"}
    settings = Settings.from_env({"LOCAL_COMPUTE_DIR": str(tmp_path / "compute"), **account})
    for name, module in list(sys.modules.items()):
        if name.startswith("cli."):
            for known, value in (("storage", memory), ("settings", settings)):
                if callable(vars(module).get(known)):
                    monkeypatch.setattr(module, known, lambda value=value: value)
    context.driver.cache_clear()
    yield memory
    context.driver.cache_clear()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that name accounts where nobody listens."""
    account = "AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:1/a"
    for name in ("DataStorage", "ControlStorage", "AzureWebJobsStorage"):
        monkeypatch.setenv(name, account)
    monkeypatch.setenv("EventHubs", "")
    for cached in (context.settings, context.driver):
        cached.cache_clear()
    away = Storage.from_settings(Settings.from_env(os.environ), connect_retries=0)
    for name, module in list(sys.modules.items()):
        if name.startswith("cli.") and callable(vars(module).get("storage")):
            monkeypatch.setattr(module, "storage", lambda: away)


def relu() -> bytes:
    """A network in ONNX, as small as one can be; its output is `a`."""
    image, output = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("image", "a"))
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["a"])], "net", [image], [output])
    return bytes(helper.make_model(graph).SerializeToString())
