"""What Azure Machine Learning answered, by the files of the record; absent where ../shared is."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from peers.azure.exchange import Answer

RECORD = Path(__file__).resolve().parents[4] / "shared/data/azure-ml"
RECORDED = sorted(path.stem for path in RECORD.glob("*-[0-9][0-9][0-9].json"))


def record(name: str) -> dict[str, Any]:
    """A file of the record; skips the test where there is none."""
    if not (path := RECORD / f"{name}.json").exists():
        pytest.skip(f"{path} is absent")
    held: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return held


def recorded(name: str, **changed: Any) -> Answer:
    """The answer of a file as it goes over the wire, members of its body exchanged."""
    held = record(name)
    body = held["body"]
    sent = {key: value for key, value in held["headers"].items() if key not in ("Content-Length", "Date")}
    if body is None:
        return Answer(held["status"], b"null" if held["headers"].get("Content-Length") == "4" else None, sent)
    return Answer(held["status"], body | changed, sent)
